import { AzudError, isAzudError } from '../error/azud-error.ts';
import { rowCode } from '../error/catalogue.ts';
import type { Dataset } from '../event/dataset.ts';
import type { Counts } from '../event/outcome.ts';
import type { DeadReason, UnitBatch, WriteUnit } from '../store/driver.ts';
import { deadLines } from './unit.ts';

/** What writing asks of a store. */
export interface CommitStore {
  /** See `StoreDriver.write`. */
  write(unit: WriteUnit): Promise<readonly (Counts | null)[]>;
  /** Which of these NDJSON lines (from 0) the store refuses, and why. */
  isolate(dataset: Dataset, lines: Buffer): Promise<ReadonlyMap<number, DeadReason>>;
}

export interface CommitOptions {
  readonly store: CommitStore;
  readonly datasets: ReadonlyMap<string, Dataset>;
}

/** One batch as it was written in the end. */
export interface Committed {
  readonly written: UnitBatch;
  /** Null: the store had it already. */
  readonly counts: Counts | null;
}

/**
 * Writes batches and gets past poison: when the store refuses a row, the refused lines become dead letters of stage
 * `store` and the rest is written. One answer a batch, in their order. Calling it again with the same batches is safe.
 * @throws AzudError of the store, `bad-row` never while there is a line left to blame
 */
export async function commit(batches: readonly UnitBatch[], options: CommitOptions): Promise<readonly Committed[]> {
  const whole = await tryWrite(batches, options.store);
  if (!(whole instanceof AzudError)) return whole;
  const isolated = await isolate(batches, options);
  const rest = await tryWrite(isolated, options.store);
  if (!(rest instanceof AzudError)) return rest;
  return commitSingly(isolated, options.store);
}

/** The committed batches, or the `bad-row` that the store answered. */
async function tryWrite(batches: readonly UnitBatch[], store: CommitStore): Promise<readonly Committed[] | AzudError> {
  try {
    const counts = await store.write({ batches });
    return batches.map((written, index) => ({ written, counts: counts[index] ?? null }));
  } catch (error) {
    if (isAzudError(error, 'bad-row')) return error;
    throw error;
  }
}

/** Lines are tried dataset by dataset: a unit of thousands of one-event batches costs a handful of probes, not thousands. */
async function isolate(batches: readonly UnitBatch[], options: CommitOptions): Promise<readonly UnitBatch[]> {
  const isolated = [...batches];
  for (const [name, indexes] of indexesByDataset(batches)) {
    const dataset = options.datasets.get(name);
    if (dataset === undefined) continue;
    const members = indexes.map((index) => batches[index] as UnitBatch);
    const refused = await options.store.isolate(dataset, Buffer.concat(members.map(({ batch }) => batch.lines)));
    if (refused.size === 0) continue;
    let first = 0;
    for (const [at, member] of members.entries()) {
      isolated[indexes[at] as number] = withDead(member, refused, first);
      first += member.batch.count;
    }
  }
  return isolated;
}

function indexesByDataset(batches: readonly UnitBatch[]): ReadonlyMap<string, readonly number[]> {
  const groups = new Map<string, number[]>();
  for (const [index, { batch }] of batches.entries()) {
    const group = groups.get(batch.dataset);
    if (group) group.push(index);
    else groups.set(batch.dataset, [index]);
  }
  return groups;
}

function withDead(member: UnitBatch, refused: ReadonlyMap<number, DeadReason>, first: number): UnitBatch {
  const dead = new Map(member.dead);
  for (let line = 0; line < member.batch.count; line += 1) {
    const reason = refused.get(first + line);
    if (reason) dead.set(line, reason);
  }
  return { ...member, dead };
}

/**
 * The store refuses the unit but no line alone. Batch by batch then, and what still fails is kept whole as dead letters:
 * nothing is lost, nothing after it waits.
 */
async function commitSingly(batches: readonly UnitBatch[], store: CommitStore): Promise<readonly Committed[]> {
  const committed: Committed[] = [];
  for (const member of batches) {
    const alone = await tryWrite([member], store);
    if (!(alone instanceof AzudError)) {
      committed.push(...alone);
      continue;
    }
    const reason: DeadReason = {
      stage: 'store',
      code: rowCode(alone.code),
      message: alone.message,
      path: alone.path ?? '',
    };
    const written = { ...member, dead: deadLines(member.batch.count, reason) };
    const [counts] = await store.write({ batches: [written] });
    committed.push({ written, counts: counts ?? null });
  }
  return committed;
}
