import { createContext, Script } from 'node:vm';
import { AzudError } from '../error/azud-error.ts';
import { INTAKE_LIMITS } from '../limits.ts';
import { costOf, type PatternCost, stepsOf } from './pattern-cost.ts';

/** A test of so many steps at most is not worth a look at the clock, about 10 µs. */
const STEPS_FREE = 10_000;
/** One of more steps is watched, which takes up to 0.3 ms itself. */
const STEPS_UNWATCHED = 1_000_000;
/** Cheap for every text that an event can hold. */
const STEPS_CHEAP = 4 * INTAKE_LIMITS.eventBytesMax;

export interface Pattern {
  test(text: string): boolean;
}

/**
 * The regular expressions of one schema, and the time they may take together for one body: to match some of them takes
 * longer than anyone can wait, for a text that a client chooses.
 */
export class Patterns {
  #leftMs: number = INTAKE_LIMITS.patternsMsMax;

  /** A new body: all of the time is there again. */
  begin(): void {
    this.#leftMs = INTAKE_LIMITS.patternsMsMax;
  }

  /** The tests of what is compiled throw AzudError `too-large` when the time is up. @throws SyntaxError */
  compile(source: string): Pattern {
    const expression = new RegExp(source, 'u');
    const cost = costOf(source);
    if (stepsOf(cost, INTAKE_LIMITS.eventBytesMax) <= STEPS_CHEAP) return expression;
    return {
      test: (text) => this.#test(expression, cost, text),
      // Ajv keeps patterns by it.
      toString: () => String(expression),
    } as Pattern;
  }

  #test(expression: RegExp, cost: PatternCost, text: string): boolean {
    const steps = stepsOf(cost, text.length);
    if (steps <= STEPS_FREE) return expression.test(text);
    const begun = performance.now();
    const leftMs = Math.ceil(this.#leftMs);
    if (leftMs <= 0) throw tooLong();
    try {
      return steps <= STEPS_UNWATCHED ? expression.test(text) : watched(expression, text, leftMs);
    } finally {
      this.#leftMs -= performance.now() - begun;
    }
  }
}

/** The only way to stop the engine is to stop the script it runs for. */
const WATCH = { expression: /(?:)/u, text: '' };
const WATCHED = new Script('test()');
const CONTEXT = createContext({ test: () => WATCH.expression.test(WATCH.text) });

function watched(expression: RegExp, text: string, timeoutMs: number): boolean {
  WATCH.expression = expression;
  WATCH.text = text;
  try {
    return WATCHED.runInContext(CONTEXT, { timeout: timeoutMs }) as boolean;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw tooLong();
    throw error;
  }
}

function tooLong(): AzudError {
  return new AzudError(
    'too-large',
    `to match the patterns of the schema takes longer than ${INTAKE_LIMITS.patternsMsMax} ms`,
  );
}
