import { INTAKE_LIMITS } from '../limits.ts';
import { costOf, stepsOf } from './pattern-cost.ts';
import { spend } from './watch.ts';

/** Cheap for every text that an event can hold. */
const STEPS_CHEAP = 4 * INTAKE_LIMITS.eventBytesMax;

export interface Pattern {
  /** Inside of `inTime`. */
  test(text: string): boolean;
}

/** A regular expression of a schema. @throws SyntaxError */
export function compilePattern(source: string): Pattern {
  const expression = new RegExp(source, 'u');
  const cost = costOf(source);
  if (stepsOf(cost, INTAKE_LIMITS.eventBytesMax) <= STEPS_CHEAP) return expression;
  return {
    test(text) {
      spend(stepsOf(cost, text.length));
      return expression.test(text);
    },
    // Ajv keeps patterns by it.
    toString: () => String(expression),
  } as Pattern;
}
