import { readEnvironment } from '../config/environment.ts';
import { systemClock } from '../lib/clock.ts';
import { runCli } from './cli.ts';
import { Output } from './output.ts';

/** The command line of this process. @returns the exit code */
export async function runProcess(): Promise<number> {
  const env = readEnvironment();
  const stop = new AbortController();
  // For good: npm and a terminal both send Ctrl-C on, and the second one must not cut the drain of the first short.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());
  // `azud rows … | head` closes the pipe early: that is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  return runCli(process.argv.slice(2), {
    env,
    folder: process.cwd(),
    stdin: process.stdin,
    out: new Output({
      stdout: process.stdout,
      stderr: process.stderr,
      plain: env.NO_COLOR !== undefined && env.NO_COLOR !== '',
    }),
    clock: systemClock,
    signal: stop.signal,
  });
}
