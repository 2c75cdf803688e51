import { createContext, Script } from 'node:vm';
import { AzudError } from '../error/azud-error.ts';
import { INTAKE_LIMITS } from '../limits.ts';

/** Steps that the checks of one body may take together before a clock is set, which costs 0.3 ms: about as long. */
const STEPS_UNWATCHED = 100_000;

let stepsLeft = 0;
let watching = false;

/** Ends a run that is to begin anew under the watch. */
const UNWATCHED = new Error('a check that may take long runs outside of inTime');

/** Before a check that may take so many steps. Only inside `inTime`. */
export function spend(steps: number): void {
  if (watching) return;
  stepsLeft -= steps;
  // So that NaN throws, too: endless ways through an empty text.
  if (!(stepsLeft >= 0)) throw UNWATCHED;
}

/**
 * Runs the checks of one body, some of which a client can make last longer than anyone can wait. It is run twice where
 * they may take long, so it keeps nothing of a run that did not end.
 * @param onStopped before the throw: what `run` was changing may be half changed
 * @throws AzudError `too-large` when they take longer than `INTAKE_LIMITS.checkMsMax`, and whatever `run` throws
 */
export function inTime<T>(run: () => T, onStopped: () => void = () => {}): T {
  const done = atOnce(run);
  return done ? done.value : watched(run, onStopped);
}

/** The first half of `inTime`: null where the checks may take long, and are to be run `watched`. */
export function atOnce<T>(run: () => T): { readonly value: T } | null {
  stepsLeft = STEPS_UNWATCHED;
  try {
    return { value: run() };
  } catch (error) {
    if (error === UNWATCHED) return null;
    throw error;
  } finally {
    stepsLeft = 0;
  }
}

/** The only way to stop the engine inside a check is to stop the script that runs it. */
const HELD = { run: (): unknown => undefined };
const SCRIPT = new Script('run()');
const CONTEXT = createContext({ run: () => HELD.run() });

/** The second half of `inTime`, and all of it where the first one failed. @throws as it */
export function watched<T>(run: () => T, onStopped: () => void): T {
  HELD.run = run;
  watching = true;
  try {
    return SCRIPT.runInContext(CONTEXT, { timeout: INTAKE_LIMITS.checkMsMax }) as T;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
    onStopped();
    throw new AzudError(
      'too-large',
      `to check this against the schema takes longer than ${INTAKE_LIMITS.checkMsMax} ms`,
    );
  } finally {
    watching = false;
    HELD.run = () => undefined;
  }
}
