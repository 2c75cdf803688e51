import { writeSync } from 'node:fs';

/** How long a reader that takes nothing, such as a stopped terminal, may hold up the process for one line, ms. */
const PATIENCE_MS = 500;
const PAUSE_MS = 10;

/** A descriptor's write: bytes taken. @throws Error with a code of the system */
export type WriteSome = (bytes: Buffer) => number;

/**
 * Lines to stderr. One that cannot be written is lost, and nothing else: a log file on a full disk, or a reader that
 * went away, must not end a process that still takes events in.
 */
export function stderrLines(writeSome: WriteSome = (bytes) => writeSync(2, bytes)): {
  write(line: string | Uint8Array): void;
} {
  return {
    write(line) {
      let left = Buffer.from(line);
      let waitedMs = 0;
      while (left.length > 0 && waitedMs < PATIENCE_MS) {
        try {
          left = left.subarray(writeSome(left));
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return;
          waitedMs += PAUSE_MS;
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
        }
      }
    },
  };
}
