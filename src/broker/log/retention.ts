import type { Clock } from '../../lib/clock.ts';
import type { Io } from '../../lib/io.ts';
import type { SegmentFolder } from './folder.ts';
import { indexPath, removeIfThere, segmentPath } from './segment.ts';

export interface RetentionOptions {
  readonly io: Io;
  readonly folder: SegmentFolder;
  readonly clock: Clock;
  readonly ageMsMax: number;
  readonly bytesMax: number;
}

/** A step of the clock this long is a jump, or a pause in which nothing came: neither makes anything older. */
const STEP_MS_MAX = 24 * 3600 * 1000;

interface Sealed {
  readonly first: number;
  readonly last: number;
  /** ms of the log's own life since it was sealed. */
  readonly ageMs: number;
  readonly bytes: number;
}

/**
 * Removes whole sealed segments, oldest first, that are released and too old or too many. Age is counted along the log
 * itself, from segment to segment, so a clock that jumps years ahead removes nothing.
 * @returns first offsets of the removed segments
 */
export async function applyRetention(options: RetentionOptions, released: number): Promise<number[]> {
  const { io, folder, ageMsMax, bytesMax } = options;
  const segments = await sealed(options);
  let bytes = segments.reduce((sum, segment) => sum + segment.bytes, 0);
  const removed: number[] = [];
  for (const { first, last, ageMs, bytes: own } of segments) {
    if (last > released || (ageMs <= ageMsMax && bytes <= bytesMax)) break;
    await removeIfThere(io, segmentPath(folder.path, first));
    await removeIfThere(io, indexPath(folder.path, first));
    folder.forget(first);
    bytes -= own;
    removed.push(first);
  }
  if (removed.length > 0) await io.syncFolder(folder.path);
  return removed;
}

async function sealed({ folder, clock }: RetentionOptions): Promise<readonly Sealed[]> {
  const firsts = await folder.firsts();
  const segments: Sealed[] = [];
  let next = firsts.at(-1) as number;
  let nextTime = (await folder.header(next)).time;
  let ageMs = step(clock.now() - nextTime);
  for (const first of firsts.slice(0, -1).reverse()) {
    segments.unshift({ first, last: next - 1, ageMs, bytes: await size(folder, first) });
    const { time } = await folder.header(first);
    ageMs += step(nextTime - time);
    next = first;
    nextTime = time;
  }
  return segments;
}

function step(ms: number): number {
  return ms > 0 && ms <= STEP_MS_MAX ? ms : 0;
}

async function size(folder: SegmentFolder, first: number): Promise<number> {
  const { file } = await folder.open(first);
  try {
    return await file.size();
  } finally {
    await file.close();
  }
}
