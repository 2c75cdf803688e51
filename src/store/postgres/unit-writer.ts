import type { ClientBase, QueryResult } from 'pg';
import type { Progress } from '../../broker/driver.ts';
import { AzudError } from '../../error/azud-error.ts';
import type { Dataset } from '../../event/dataset.ts';
import type { Counts } from '../../event/outcome.ts';
import type { UnitBatch, WriteUnit } from '../driver.ts';
import { lookupsOf, type Settled, type SettledBatch, settle } from '../settle.ts';
import { quote } from '../sql/dialect.ts';
import { type CopyTarget, copyInto } from './copy.ts';
import { CopyRows, type RowSource } from './copy-rows.ts';
import { TRANSACTION_TARGET, TransactionRows } from './copy-transactions.ts';
import { derivedName, nameList, tableColumns } from './dialect.ts';
import * as SQL from './statements.ts';

/** How the rows of one dataset reach its table. */
interface Target {
  readonly rows: CopyRows;
  /** Target of the COPY, with its columns. */
  readonly copy: CopyTarget;
  /** Before and after the COPY. */
  readonly before: readonly string[];
  readonly after: readonly string[];
}

/** Writes units. Every method but the constructor needs a transaction around it. */
export class UnitWriter {
  readonly #datasets: ReadonlyMap<string, Dataset>;
  readonly #targets: ReadonlyMap<string, Target>;
  readonly #transactions = new TransactionRows();

  constructor(datasets: ReadonlyMap<string, Dataset>) {
    this.#datasets = datasets;
    this.#targets = new Map([...datasets].map(([name, dataset]) => [name, targetOf(dataset)]));
  }

  async write(client: ClientBase, unit: WriteUnit): Promise<readonly (Counts | null)[]> {
    const settled = await this.#settle(client, unit);
    if (settled.batches.length === 0) return settled.results;
    await this.#takeIds(client, settled);
    for (const [name, batches] of Map.groupBy(settled.batches, ({ batch }) => batch.dataset)) {
      await this.#copyRows(client, name, batches);
    }
    await copyInto(client, TRANSACTION_TARGET, [this.#transactions.of(settled.batches)]);
    await keepLetters(client, settled);
    await addToLedger(client, settled);
    const { progress } = settled;
    if (progress.length > 0) {
      await client.query(SQL.MOVE_STREAMS, columnsOf(progress));
    }
    return settled.results;
  }

  /** Converts lines as a write would, into a table that nobody sees. */
  async probe(client: ClientBase, dataset: Dataset, source: RowSource): Promise<void> {
    const target = this.#targets.get(dataset.name);
    if (!target) return;
    const name = quote(derivedName('probe', dataset.name));
    await client.query(probeTable(name, dataset));
    const into = `${name} (${nameList(tableColumns(dataset))})`;
    await copyInto(client, { into, format: 'text' }, target.rows.of([source]));
  }

  /** Looks up and locks what the store knows about the unit, and decides. */
  async #settle(client: ClientBase, unit: WriteUnit): Promise<Settled> {
    const positions = await lockStreams(client, unit.batches);
    const claimed = await claimBatches(client, unit.batches);
    const covers = ({ position, batch }: UnitBatch) =>
      position === null ? !claimed.has(batch.id) : (positions.get(position.stream) ?? 0) >= position.offset;
    const wanted = lookupsOf(unit, covers);
    const ids = new Map<string, Map<string, number>>();
    for (const [dataset, texts] of wanted.ids) {
      const found: QueryResult<{ id: string; received_ms: string }> = await client.query(SQL.KNOWN_IDS, [
        dataset,
        [...texts].join('\n'),
      ]);
      ids.set(dataset, new Map(found.rows.map(({ id, received_ms }) => [id, Number(received_ms)])));
    }
    return settle(unit, { datasets: this.#datasets, covers, ids, letters: await lettersOf(client, wanted.letters) });
  }

  async #takeIds(client: ClientBase, { ids }: Settled): Promise<void> {
    for (const [dataset, times] of [...ids].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (times.size === 0) continue;
      const windowMs = this.#datasets.get(dataset)?.dedupeWindowMs ?? 0;
      const parameters = [dataset, [...times.keys()].join('\n'), [...times.values()].join('\n'), windowMs];
      const { rowCount } = await client.query(SQL.TAKE_IDS, parameters);
      if (rowCount !== times.size) {
        throw new AzudError('unavailable', `${dataset}: another loader has just stored an event with the same id`);
      }
    }
  }

  async #copyRows(client: ClientBase, name: string, batches: readonly SettledBatch[]): Promise<void> {
    const target = this.#targets.get(name);
    if (!target || batches.every(({ batch, kept }) => (kept?.length ?? batch.count) === 0)) return;
    for (const sql of target.before) await client.query(sql);
    await copyInto(client, target.copy, target.rows.of(batches));
    for (const sql of target.after) await client.query(sql);
  }
}

/** Streams, offsets and terms, each as one parameter. */
export function columnsOf(progress: Progress): unknown[][] {
  return [
    progress.map(({ stream }) => stream),
    progress.map(({ offset }) => offset),
    progress.map(({ term }) => term ?? null),
  ];
}

const stageTable = (name: string, { name: table, mode }: Dataset): string =>
  `CREATE TEMP TABLE IF NOT EXISTS ${name} (LIKE ${quote(table)}${mode === 'upsert' ? ', _place bigint' : ''})
   ON COMMIT DELETE ROWS`;

/** With the constraints that others gave the table, so that a row they refuse is found. Made anew: they may have changed. */
const probeTable = (name: string, { name: table }: Dataset): string =>
  `CREATE TEMP TABLE ${name} (LIKE ${quote(table)} INCLUDING CONSTRAINTS INCLUDING DEFAULTS) ON COMMIT DROP`;

function targetOf(dataset: Dataset): Target {
  const columns = tableColumns(dataset);
  const names = nameList(columns);
  const table = quote(dataset.name);
  const rows = new CopyRows(dataset);
  if (dataset.mode === 'append' || dataset.key === null) {
    return { rows, copy: { into: `${table} (${names})`, format: 'text' }, before: [], after: [] };
  }
  const key = quote(dataset.key);
  const stage = quote(derivedName('stage', dataset.name));
  const values = columns.filter(({ name }) => name !== dataset.key);
  const set = values.map(({ name }) => `${quote(name)} = excluded.${quote(name)}`).join(', ');
  return {
    rows,
    copy: { into: `${stage} (${names}, _place)`, format: 'text' },
    before: [stageTable(stage, dataset)],
    after: [
      // The latest of each key; level in time, the later in the log. In one order, so that two loaders never wait for
      // each other.
      `INSERT INTO ${table} AS t (${names}) SELECT DISTINCT ON (${key}) ${names} FROM ${stage}
       ORDER BY ${key}, "_received_at" DESC, _place DESC
       ON CONFLICT (${key}) DO UPDATE SET ${set} WHERE t."_received_at" <= excluded."_received_at"`,
      `TRUNCATE ${stage}`,
    ],
  };
}

/** The positions of the unit's streams, held until the transaction ends. */
async function lockStreams(client: ClientBase, batches: readonly UnitBatch[]): Promise<Map<string, number>> {
  const streams = [...new Set(batches.flatMap(({ position }) => position?.stream ?? []))];
  if (streams.length === 0) return new Map();
  const lock = () => client.query<{ stream: string; position: string }>(SQL.LOCK_STREAMS, [streams]);
  let found = await lock();
  if (found.rows.length < streams.length) {
    await client.query(SQL.ADD_STREAMS, [streams]);
    found = await lock();
  }
  return new Map(found.rows.map(({ stream, position }) => [stream, Number(position)]));
}

/** Those of the batches without a position that nobody has written. */
async function claimBatches(client: ClientBase, batches: readonly UnitBatch[]): Promise<Set<string>> {
  const times = new Map(
    batches.flatMap(({ position, batch }) => (position === null ? [[batch.id, batch.receivedAt] as const] : [])),
  );
  if (times.size === 0) return new Set();
  const parameters = [[...times.keys()].join('\n'), [...times.values()].join('\n')];
  const { rows } = await client.query<{ id: string }>(SQL.CLAIM_BATCHES, parameters);
  return new Set(rows.map(({ id }) => id));
}

async function lettersOf(client: ClientBase, ids: ReadonlySet<string>): Promise<Map<string, boolean>> {
  if (ids.size === 0) return new Map();
  const { rows } = await client.query<{ id: string; state: string }>(SQL.KNOWN_LETTERS, [[...ids]]);
  return new Map(rows.map(({ id, state }) => [id, state === 'dead']));
}

async function keepLetters(client: ClientBase, settled: Settled): Promise<void> {
  const letters = settled.lettersAdded.map((letter) => ({
    id: letter.id,
    dataset: letter.dataset,
    transaction_id: letter.transactionId,
    event_id: letter.eventId === null ? null : visible(letter.eventId),
    row: letter.row,
    stage: letter.stage,
    code: letter.code,
    message: visible(letter.message),
    path: visible(letter.path),
    ms: letter.receivedAt,
    original: letter.original.toString('base64'),
  }));
  if (letters.length > 0) await client.query(SQL.INSERT_LETTERS, [JSON.stringify(letters)]);
  for (const [id, { stage, code, message, path }] of settled.lettersChanged) {
    await client.query(SQL.CHANGE_LETTER, [id, stage, code, visible(message), visible(path)]);
  }
  if (settled.lettersGone.length > 0) await client.query(SQL.DELETE_LETTERS, [settled.lettersGone]);
  for (const [id, reason] of settled.lettersDiscarded) await client.query(SQL.DISCARD_LETTER, [id, visible(reason)]);
}

/** What is said about a letter may quote it, and text here cannot hold U+0000: it stands as its escape. */
const visible = (text: string): string => text.replaceAll('\0', '\\u0000');

async function addToLedger(client: ClientBase, { counts, batches }: Settled): Promise<void> {
  const rows = [...counts];
  const last = new Map<string, number>();
  for (const { batch } of batches) {
    last.set(batch.dataset, Math.max(last.get(batch.dataset) ?? 0, batch.receivedAt));
  }
  const column = (name: keyof Counts) => rows.map(([, of]) => of[name]);
  await client.query(SQL.ADD_TO_LEDGER, [
    rows.map(([dataset]) => dataset),
    column('accepted'),
    column('stored'),
    column('duplicate'),
    column('dead'),
    rows.map(([dataset]) => last.get(dataset) ?? 0),
  ]);
}
