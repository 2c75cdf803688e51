import { readEnvironment } from '../config/environment.ts';
import { CATALOGUE } from '../error/catalogue.ts';
import { systemClock } from '../lib/clock.ts';
import { stderrLines } from '../telemetry/lines.ts';
import { runCli } from './cli.ts';
import { Output, type Sink } from './output.ts';

/** Of an ended command whose process goes on, ms. */
const LINGER_MS = 1_000;

/** The command line of this process. @returns the exit code */
export async function runProcess(): Promise<number> {
  const env = readEnvironment();
  const stop = new AbortController();
  // For good: npm and a terminal both send Ctrl-C on, and the second one must not cut the drain of the first short.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());
  const lost = watchStdout();
  const exit = await runCli(process.argv.slice(2), {
    env,
    folder: process.cwd(),
    stdin: process.stdin,
    out: new Output({
      stdout: process.stdout,
      stderr: talk(),
      plain: env.NO_COLOR !== undefined && env.NO_COLOR !== '',
    }),
    clock: systemClock,
    signal: stop.signal,
  });
  endSoon();
  return lost() ? CATALOGUE['io-failed'].exit : exit;
}

/** What a client has left open keeps no ended command: that of NATS never closes a socket on which nobody greeted. */
function endSoon(): void {
  const end = () => void setTimeout(() => process.exit(), LINGER_MS).unref();
  if (process.stdout.writableLength === 0) end();
  else process.stdout.once('drain', end);
}

/**
 * Stderr, so that what cannot be said ends nothing: Node closes a stream for good at its first error, and throws. A
 * system whose messages go to a full disk takes events in, and is heard again when there is room.
 */
function talk(): Sink {
  const { stderr } = process;
  return {
    ...stderrLines(),
    isTTY: stderr.isTTY,
    get columns() {
      return stderr.columns;
    },
  };
}

/** Says once that data was lost, and makes it the exit code, also when the system tells so after the command's end. */
function watchStdout(): () => boolean {
  let lost = false;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // `azud rows … | head` closes the pipe early: that is no failure.
    if (error.code === 'EPIPE' || lost) return;
    lost = true;
    process.exitCode = CATALOGUE['io-failed'].exit;
    talk().write(`azud: standard output cannot be written: ${error.message}\n`);
  });
  return () => lost;
}
