import { DurableEnd } from '../../src/broker/log/durable-end.ts';
import { SegmentFolder } from '../../src/broker/log/folder.ts';
import { LogReader } from '../../src/broker/log/reader.ts';
import { segmentPath } from '../../src/broker/log/segment.ts';
import { isAzudError, messageOf } from '../../src/error/azud-error.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { LOG_FOLDER, publishEach, simulatedOwner } from '../support/log.ts';
import { SimulatedDisk } from '../support/simulated-disk.ts';

export interface FlipOptions {
  readonly segmentBytes: number;
  /** Bits tried, spread over all; every one when there is none. */
  readonly bitsMax?: number;
  readonly onBit?: (done: number, total: number) => void;
}

export interface FlipResult {
  readonly bits: number;
  /** What the reader said, its numbers taken out, and how often. */
  readonly said: ReadonlyMap<string, number>;
  /** Bits that changed nothing the reader could see. */
  readonly missed: readonly number[];
}

const SEALED = segmentPath(LOG_FOLDER, 1);
const RECORDS_MAX = 100_000;

/** Flips the bits of a sealed segment, one after the other, and reads it each time as the loader does. */
export async function flipBits({ segmentBytes, bitsMax = Infinity, onBit }: FlipOptions): Promise<FlipResult> {
  const { disk, last, epoch, end } = await sealedLog(segmentBytes);
  const bytes = disk.bytes(SEALED);
  const all = bytes.length * 8;
  const bits = Math.min(all, bitsMax);
  const said = new Map<string, number>();
  const missed: number[] = [];
  for (let n = 0; n < bits; n += 1) {
    const bit = Math.floor((n * all) / bits);
    const at = bit >> 3;
    bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit & 7));
    const answer = await readSealed({ disk, epoch, end }, last);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit & 7));
    if (answer === null) missed.push(bit);
    else said.set(answer, (said.get(answer) ?? 0) + 1);
    onBit?.(n + 1, bits);
  }
  return { bits, said, missed };
}

interface Sealed {
  readonly disk: SimulatedDisk;
  readonly epoch: string;
  readonly end: DurableEnd;
}

/** A log whose first segment is sealed and has about so many bytes. */
async function sealedLog(segmentBytes: number): Promise<Sealed & { readonly last: number }> {
  const disk = new SimulatedDisk();
  const owner = simulatedOwner(disk, { segmentBytesMax: segmentBytes });
  await owner.open();
  let last = 0;
  while (disk.names(LOG_FOLDER).filter((name) => name.endsWith('.seg')).length < 2) {
    await publishEach(owner, 1);
    last += 1;
    if (last > RECORDS_MAX) throw new RangeError('the segment is never full');
  }
  const { end } = await owner.backlog([]);
  const tail = end[0];
  if (!tail) throw new RangeError('the log is empty');
  const durable = new DurableEnd({
    offset: tail.offset,
    segment: last,
    byte: disk.bytes(segmentPath(LOG_FOLDER, last)).length,
  });
  return { disk, last, epoch: tail.stream, end: durable };
}

/** What the reader says when it meets the damage; null when it comes through. */
async function readSealed({ disk, epoch, end }: Sealed, last: number): Promise<string | null> {
  const folder = new SegmentFolder({ io: disk, path: LOG_FOLDER, course: { epoch, terms: [] }, end });
  const reader = new LogReader({ folder, clock: systemClock, after: 0, onAck: () => {} });
  const { signal } = new AbortController();
  disk.calls.length = 0;
  try {
    for (let next = 1; next < last; ) {
      const deliveries = await reader.receive({ messagesMax: 1_000, bytesMax: 1e9, signal });
      for (const { position } of deliveries) {
        if (position?.offset !== next) return null;
        next += 1;
      }
    }
    return null;
  } catch (error) {
    return isAzudError(error, 'log-damaged') ? worded(messageOf(error)) : null;
  } finally {
    await reader.close();
  }
}

function worded(message: string): string {
  return message
    .replace(/^.* is damaged at byte \d+: /, '')
    .replace(/[0-9a-f-]{36}/, '…')
    .replaceAll(/\d+/g, 'N');
}

export function saidText({ bits, said, missed }: FlipResult): string {
  const lines = [...said].sort((a, b) => b[1] - a[1]).map(([what, count]) => `${String(count).padStart(8)}  ${what}`);
  return [...lines, `${bits} bits flipped, ${bits - missed.length} found, ${missed.length} missed`].join('\n');
}
