import { after } from 'node:test';

type Act = () => unknown;

const acts: Act[] = [];

/**
 * Called at the top of a test file: the act is done when the tests of the file have ended, the last that was asked for
 * first, so that a system stops before what it uses goes. One that fails keeps none of the others from being done.
 */
export function atEnd(act: Act): void {
  if (acts.length === 0) after(endAll);
  acts.push(act);
}

async function endAll(): Promise<void> {
  const failures: unknown[] = [];
  for (const act of acts.splice(0).reverse()) {
    try {
      await act();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, failures.map(String).join('; '));
}
