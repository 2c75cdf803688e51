import {
  DiscardPolicy,
  type JetStreamManager,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
  type StreamInfo,
} from '@nats-io/jetstream';
import { messageOf } from '../../error/azud-error.ts';
import type { Message } from '../../event/batch.ts';
import { uuidDerived } from '../../event/ids.ts';
import type { TopologyPart } from '../driver.ts';
import { classified, isClusterTooSmall, isStreamMissing, otherSubjects, tooFewServers, unsafe } from './errors.ts';
import { partitionOf } from './places.ts';

/** What Azud needs on the server: one stream. */
export interface Topology {
  readonly stream: string;
  readonly replicas: number;
  readonly max_bytes: number | null;
  /** ms. */
  readonly duplicate_window: number;
}

/** Where a batch lies: by its partition, then its dataset. */
export function subjectOf(topology: Topology, { transactionId, dataset }: Message): string {
  return `azud.${topology.stream}.${partitionOf(transactionId)}.${dataset}`;
}

/** Of the subject of a batch. */
export function partitionAt(subject: string): number {
  return Number(subject.split('.').at(-2));
}

/** The batches of one partition, or of all. */
export function eventSubjects({ stream }: Topology, partition: number | '*' = '*'): string {
  return `azud.${stream}.${partition}.*`;
}

/** Holds what was accepted in the part that is gone. A token deeper than batches, so that their `*` leaves it out. */
export function sumsSubject({ stream }: Topology): string {
  return `azud.${stream}._.sums.released`;
}

/** Outside of the stream's subjects: nothing of it is kept. */
export function loadersSubject({ stream }: Topology, group: string): string {
  return `azud-loaders.${stream}.${uuidDerived('group', group)}`;
}

/** The stream as it is, null when there is none. @throws AzudError `not-connected`, `access-denied` */
export async function exists(manager: JetStreamManager, topology: Topology): Promise<StreamInfo | null> {
  try {
    return await manager.streams.info(topology.stream);
  } catch (error) {
    if (isStreamMissing(error)) return null;
    throw classified(error, `stream ${topology.stream}`);
  }
}

/** Makes the stream. Two processes may do it at once: the second finds the same. */
export async function declare(manager: JetStreamManager, topology: Topology): Promise<StreamInfo> {
  try {
    return await manager.streams.add(streamConfig(topology));
  } catch (error) {
    if (isClusterTooSmall(error)) throw tooFewServers(`stream ${topology.stream}`, topology.replicas, error);
    throw classified(error, `stream ${topology.stream}`);
  }
}

export async function remove(manager: JetStreamManager, topology: Topology): Promise<void> {
  try {
    await manager.streams.delete(topology.stream);
  } catch (error) {
    if (!isStreamMissing(error)) throw classified(error, `stream ${topology.stream}`);
  }
}

/** The stream as it is on the server, held against what Azud makes. @throws AzudError `not-connected`, `access-denied` */
export async function plan(manager: JetStreamManager, topology: Topology): Promise<readonly TopologyPart[]> {
  const what = `stream ${topology.stream}`;
  const { subjects, storage, num_replicas, max_bytes } = streamConfig(topology);
  const bytes = max_bytes > 0 ? `max_bytes ${max_bytes}` : 'no max_bytes';
  const wanted = `subjects ${subjects.join(' and ')}, storage ${storage}, replicas ${num_replicas}, discard new, ${bytes}`;
  const info = await exists(manager, topology);
  if (!info) return [{ what, state: 'missing', detail: wanted }];
  const differences = differencesOf(info, topology);
  if (differences.length === 0) return [{ what, state: 'exists', detail: wanted }];
  return [{ what, state: 'differs', detail: differences.join('; ') }];
}

function differencesOf(info: StreamInfo, topology: Topology): string[] {
  const wanted = streamConfig(topology);
  const differences: string[] = [];
  try {
    inspect(info, topology);
  } catch (error) {
    differences.push(messageOf(error));
  }
  for (const name of ['num_replicas', 'max_bytes', 'duplicate_window'] as const) {
    if (info.config[name] !== wanted[name]) differences.push(`${name} ${info.config[name]} instead of ${wanted[name]}`);
  }
  return differences;
}

/**
 * Never full silently: `discard: new` refuses what does not fit, and nothing ages out before a store has it; what
 * the store holds safely is purged by `release`.
 */
function streamConfig(topology: Topology): StreamConfigMade {
  return {
    name: topology.stream,
    description: 'Azud: events accepted and not yet released by the store',
    subjects: [eventSubjects(topology), sumsSubject(topology)],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: DiscardPolicy.New,
    num_replicas: topology.replicas,
    max_bytes: topology.max_bytes ?? -1,
    duplicate_window: topology.duplicate_window * 1_000_000,
  };
}

type StreamConfigMade = Pick<
  StreamConfig,
  'name' | 'subjects' | 'retention' | 'storage' | 'discard' | 'num_replicas' | 'max_bytes' | 'duplicate_window'
> & { readonly description: string };

/**
 * Holds a stream that somebody else made against what Azud needs, and unless it is allowed to be unsafe, what it promises.
 * @throws AzudError `unsafe-setting` with the first thing that would lose events; `topic-missing` for lacking subjects
 */
export function inspect({ config }: StreamInfo, topology: Topology, allowUnsafe = false): void {
  const where = `stream ${config.name}`;
  const lacking = [eventSubjects(topology), sumsSubject(topology)].filter((each) => !covered(each, config.subjects));
  if (lacking.length > 0) throw otherSubjects(where, lacking);
  if (allowUnsafe) return;
  const set = (setting: string) => `Set ${setting} on the stream`;
  if (config.storage !== StorageType.File) throw unsafe(where, 'it is kept in memory', set('storage: file'));
  if (config.retention !== RetentionPolicy.Limits) {
    throw unsafe(where, `${config.retention} retention removes what a second reader needs`, set('retention: limits'));
  }
  if (config.max_age > 0) throw unsafe(where, 'max_age removes events that no store has yet', set('max_age: 0'));
  const bounded = config.max_bytes > 0 || config.max_msgs > 0;
  if (bounded && config.discard !== DiscardPolicy.New) {
    throw unsafe(where, 'discard: old removes events that no store has yet', set('discard: new'));
  }
  if (config.max_msgs_per_subject > 0) {
    throw unsafe(where, 'max_msgs_per_subject removes events that no store has yet', set('max_msgs_per_subject: -1'));
  }
}

/** Is a subject (with its wildcards) within one of the stream's? */
function covered(subject: string, subjects: readonly string[] | undefined): boolean {
  const wanted = subject.split('.');
  return (subjects ?? []).some((each) => {
    const given = each.split('.');
    const tail = given.at(-1) === '>';
    const head = tail ? given.slice(0, -1) : given;
    if (tail ? wanted.length <= head.length : wanted.length !== head.length) return false;
    return head.every((token, at) => token === '*' || token === wanted[at]);
  });
}
