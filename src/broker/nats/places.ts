import type { StreamInfo } from '@nats-io/jetstream';
import type { Position, Progress } from '../driver.ts';
import { aheadOfStream, otherStream } from './errors.ts';

/**
 * The stream is divided by subject, so that loaders can share it: each partition is a stream of positions of its own, and
 * whoever writes one goes on where the store's progress in it ends. More loaders than this find nothing to do.
 */
export const PARTITIONS = 8;

/** Every partition. */
export const ALL: readonly number[] = Array.from({ length: PARTITIONS }, (_, partition) => partition);

/** By partition: the sequence that is reached; 0 where nothing is. */
export type Reached = readonly number[];

export const NOTHING: Reached = ALL.map(() => 0);

/** By the transaction: what belongs together, and what is sent again, stays in order. */
export function partitionOf(transactionId: string): number {
  return Number.parseInt(transactionId.slice(-4), 16) % PARTITIONS;
}

/** A stream that is made again under its old name begins at 1 again: it is another one. */
export function nameOf({ config, created }: StreamInfo): string {
  return `${config.name}@${created}`;
}

export function positionIn(name: string, partition: number, sequence: number): Position {
  return { stream: `${name}/${partition}`, offset: sequence };
}

export function progressOf(name: string, reached: Reached): Progress {
  return reached.flatMap((sequence, partition) => (sequence === 0 ? [] : [positionIn(name, partition, sequence)]));
}

/** @throws AzudError `log-behind` when a position is of another stream, or ahead of this one */
export function reachedBy(progress: Progress, info: StreamInfo): Reached {
  const name = nameOf(info);
  const reached = [...NOTHING];
  for (const { stream, offset } of progress) {
    const partition = ALL.find((each) => stream === `${name}/${each}`);
    if (partition === undefined) throw otherStream(stream, name);
    if (offset > info.state.last_seq) throw aheadOfStream(offset, info.state.last_seq);
    reached[partition] = offset;
  }
  return reached;
}
