import type { DeadReason } from './driver.ts';
import { linesOf } from './settle.ts';

/** Null when all the lines can be stored, else the reason why not. */
type Probe = (lines: Buffer) => Promise<DeadReason | null>;

/**
 * Finds every bad line by halving: about 2 log2(n) probes for one bad line of n.
 * A reason is kept only when its line was probed alone, so that it is that line's own.
 */
export async function isolate(lines: Buffer, probe: Probe): Promise<Map<number, DeadReason>> {
  const all = linesOf(lines);
  const found = new Map<number, DeadReason>();
  const search = async (from: number, to: number): Promise<void> => {
    if (from >= to) return;
    const reason = await probe(Buffer.concat(all.slice(from, to).flatMap((line) => [line, NEWLINE])));
    if (reason === null) return;
    if (to - from === 1) {
      found.set(from, reason);
      return;
    }
    const middle = (from + to) >>> 1;
    await search(from, middle);
    await search(middle, to);
  };
  await search(0, all.length);
  return found;
}

const NEWLINE = Buffer.from('\n');
