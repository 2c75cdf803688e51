/** What the supervisor forks: waits for its plan, runs it, does what it is told, and never outlives the supervisor. */
import { asAzudError, isUnexpected } from '../http/problem.ts';
import { nodeIo } from '../lib/node-io.ts';
import { createLog, type Log } from '../telemetry/log.ts';
import type { FromChild, ToChild } from './child-messages.ts';
import { compose, type System } from './compose.ts';
import type { ProcessPlan } from './plan.ts';
import { exitOnUnexpected } from './unexpected.ts';

/** Whoever asked for what took too long is still told so. */
const LAST_ANSWERS_MS = 100;

let system: System | null = null;

// The engine makes its files by itself: all that lies in the data directory is its owner's alone.
process.umask(0o077);

process.once('disconnect', () => process.exit(1));
// Ctrl-C, and the SIGTERM of a service manager, reach every process at once; only the supervisor acts on them, and says
// what to do in which order.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => tell({ type: 'terminated' }));
process.on('message', (message: ToChild) => {
  if (message.type === 'start') void start(message.plan);
  if (message.type === 'drain') void drain();
  if (message.type === 'stop') void stop();
});

function tell(message: FromChild): void {
  // Without a supervisor there is nobody to tell, and the end is near: see `disconnect` above.
  if (process.connected) process.send?.(message, () => {});
}

async function start(plan: ProcessPlan): Promise<void> {
  process.title = `azud ${plan.title}`;
  const log = createLog(plan.config.log.level).with({ role: plan.title });
  exitOnUnexpected(log);
  try {
    system = await compose(plan, {
      io: nodeIo,
      log,
      onStep: (step) => tell({ type: 'step', step }),
      onFatal: (error) => fail(error, log),
    });
    await system.ready;
    tell({ type: 'ready', port: system.port, url: system.url, promise: system.promise });
  } catch (error) {
    fail(error, log);
  }
}

/** Says why, so that the supervisor can tell a mistake from an accident, then ends with the code that belongs to it. */
function fail(thrown: unknown, log: Log): void {
  const error = asAzudError(thrown);
  if (isUnexpected(error)) log.error('the process failed', { error: thrown, stack: (thrown as Error).stack });
  const { code, message, hint, errors, entry } = error;
  const failed: FromChild = {
    type: 'failed',
    code,
    message: isUnexpected(error) ? String(thrown) : message,
    details: errors.map((each) => each.message),
    hint,
    exit: entry.exit,
  };
  // The exit itself waits for threads that are in the engine, perhaps for ever: the supervisor sees to that.
  const exit = () => setTimeout(() => process.exit(entry.exit), code === 'query-timeout' ? LAST_ANSWERS_MS : 0);
  if (process.connected && process.send) process.send(failed, exit);
  else exit();
}

async function drain(): Promise<void> {
  await system?.drain();
  tell({ type: 'drained' });
}

async function stop(): Promise<void> {
  await system?.close();
  process.exit(0);
}
