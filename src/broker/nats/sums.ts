import { headers } from '@nats-io/transport-node';
import type { Link } from './connection.ts';
import type { Arrival } from './envelope.ts';
import { classified } from './errors.ts';
import { NOTHING, type Reached } from './places.ts';
import { sumsSubject, type Topology } from './topology.ts';

/** What was accepted up to a sequence, kept in the stream itself when the messages go. */
export interface Sums {
  readonly upTo: number;
  /** The last message of each partition up to there: a store that has not come so far has lost what lay between. */
  readonly last: Reached;
  /** Events by dataset. */
  readonly accepted: Readonly<Record<string, number>>;
  /** Of the message that these sums follow, or were read from; 0 for none. */
  readonly sequence: number;
}

/** Readers that ask for headers only need no more than this one. */
const UP_TO = 'Azud-Up-To';

export function upToOf({ headers: found }: Arrival): number {
  return Number(found?.get(UP_TO) ?? 0);
}

/** The last sums that a release left in the stream. @throws AzudError `topic-missing`, `not-connected` */
export async function storedSums({ manager }: Link, topology: Topology): Promise<Sums> {
  try {
    const stored = await manager.streams.getMessage(topology.stream, { last_by_subj: sumsSubject(topology) });
    if (!stored) return { upTo: 0, last: NOTHING, accepted: {}, sequence: 0 };
    const { upTo, last, accepted } = JSON.parse(new TextDecoder().decode(stored.data)) as Omit<Sums, 'sequence'>;
    return { upTo, last, accepted, sequence: stored.seq };
  } catch (error) {
    throw classified(error, `stream ${topology.stream}`);
  }
}

/** Leaves sums in the stream, on the condition that nobody has left others since those that they follow. */
export async function leaveSums({ stream }: Link, topology: Topology, sums: Sums): Promise<void> {
  const { upTo, last, accepted, sequence } = sums;
  const made = headers();
  made.set(UP_TO, String(upTo));
  await stream.publish(sumsSubject(topology), JSON.stringify({ upTo, last, accepted }), {
    headers: made,
    expect: { streamName: topology.stream, lastSubjectSequence: sequence },
  });
}
