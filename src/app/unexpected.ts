import type { Log } from '../telemetry/log.ts';

/** After an error that nobody expected, no state in memory is to be trusted: say it, stop, let the next start verify. */
export function exitOnUnexpected(log: Log): void {
  const end = (kind: string) => (error: unknown) => {
    log.error(kind, { error, stack: error instanceof Error ? error.stack : undefined });
    process.exit(1);
  };
  process.on('uncaughtException', end('an uncaught exception ends this process'));
  process.on('unhandledRejection', end('an unhandled rejection ends this process'));
}
