import { SYSTEM_COLUMNS } from '../../src/event/dataset.ts';
import type { Value } from '../../src/store/driver.ts';
import { TRANSACTIONS } from '../../src/store/tables.ts';
import { LOADED } from './datasets.ts';
import type { History, SentBatch, SentEvent } from './history.ts';
import type { Machine } from './machine.ts';
import { type FoundLetter, lettersOf } from './operator.ts';

const LIMITS = { timeoutMs: 1e9, rowsMax: 1e9, signal: new AbortController().signal };

/** What the store holds in the end, against what the world outside was told. */
export async function check(machine: Machine, history: History): Promise<void> {
  const rows = await rowsByEvent(machine);
  const letters = new Map((await lettersOf(machine)).map((letter) => [letter.id, letter]));
  const transactions = await transactionsByBatch(machine);
  for (const n of rows.keys()) if (!history.events.has(n)) history.wrong(`event ${n} is stored and was never sent`);
  const replayed = new Set([...history.batches.values()].flatMap(({ replays }) => replays));
  for (const event of history.events.values()) checkEvent(event, rows.get(event.n) ?? 0, history);
  for (const batch of history.batches.values()) {
    checkCounts(batch, transactions.get(batch.id) ?? [], history);
    if (batch.acked) checkLetters(batch, { letters, replayed, history });
  }
  const unknown = transactions.keys().filter((id) => !history.batches.has(id));
  for (const id of unknown.drop(history.skipped)) history.wrong(`batch ${id} was counted and never sent`);
  const known = new Set([...history.batches.values()].flatMap((batch) => [...batch.letters.keys()]));
  for (const { id, n } of letters.values()) {
    if (!known.has(id) && n !== null) history.wrong(`dead letter ${id} is of no event`);
  }
  const report = await machine.conservation.report();
  if (!report.balanced) history.wrong(`the sums do not balance: ${JSON.stringify(report.datasets)}`);
}

function checkEvent({ n, kind, identified, acked, attempts }: SentEvent, rows: number, history: History): void {
  const copies = identified ? Math.min(1, attempts) : attempts;
  const least = kind === 'good' ? (identified ? Math.min(1, acked) : acked) : 0;
  if (rows < least) history.wrong(`event ${n} (${kind}) was acknowledged ${acked} times and is stored ${rows} times`);
  if (rows > copies) history.wrong(`event ${n} (${kind}) was sent ${attempts} times and is stored ${rows} times`);
}

interface Counted {
  readonly accepted: number;
  readonly outcomes: number;
}

function checkCounts(batch: SentBatch, counted: readonly Counted[], history: History): void {
  const { id, acked, accepted } = batch;
  if (counted.length > 1) history.wrong(`batch ${id} is counted ${counted.length} times`);
  if (acked && counted.length === 0) history.wrong(`batch ${id} was acknowledged and is not counted`);
  for (const { accepted: found, outcomes } of counted) {
    if (found === accepted && outcomes === accepted) continue;
    history.wrong(`batch ${id} accepted ${accepted} events; counted are ${found} with ${outcomes} outcomes`);
  }
}

interface Found {
  readonly letters: ReadonlyMap<string, FoundLetter>;
  readonly replayed: ReadonlySet<string>;
  readonly history: History;
}

function checkLetters(batch: SentBatch, { letters, replayed, history }: Found): void {
  for (const [id, n] of batch.letters) {
    const letter = letters.get(id);
    if (!letter && !replayed.has(id)) history.wrong(`event ${n} of batch ${batch.id} is neither a row nor a letter`);
    if (letter && letter.n !== n) history.wrong(`dead letter ${id} holds event ${letter.n}, not ${n}`);
  }
  for (const id of batch.discards) {
    if (letters.get(id)?.state === 'dead') history.wrong(`dead letter ${id} was discarded and is open`);
  }
}

/** How often each event's number stands in the tables. */
async function rowsByEvent({ store }: Machine): Promise<ReadonlyMap<number, number>> {
  const found = new Map<number, number>();
  for (const { name, columns } of LOADED.values()) {
    const select = [...columns, ...SYSTEM_COLUMNS];
    const at = select.findIndex((column) => column.name === 'n');
    for (const row of await allOf(store, { table: name, select, key: '_event_id' })) {
      const n = Number(row[at]);
      found.set(n, (found.get(n) ?? 0) + 1);
    }
  }
  return found;
}

async function transactionsByBatch({ store }: Machine): Promise<ReadonlyMap<string, readonly Counted[]>> {
  const { columns: select, name: table } = TRANSACTIONS;
  const at = (name: string) => select.findIndex((column) => column.name === name);
  const [id, accepted, ...outcomes] = ['batch_id', 'accepted', 'stored', 'duplicate', 'dead'].map(at) as [
    number,
    number,
    ...number[],
  ];
  const rows = await allOf(store, { table, select, key: 'batch_id' });
  const found = rows.map((row) => ({
    id: String(row[id]),
    accepted: Number(row[accepted]),
    outcomes: outcomes.reduce((sum, column) => sum + Number(row[column]), 0),
  }));
  return Map.groupBy(found, (row) => row.id);
}

interface Table {
  readonly table: string;
  readonly select: Parameters<Machine['store']['rows']>[0]['select'];
  readonly key: string;
}

async function allOf(store: Machine['store'], { table, select, key }: Table): Promise<(readonly Value[])[]> {
  const order = [{ column: key, descending: false }];
  const stream = await store.rows({ table, select, where: [], order, after: null, limit: 1e9 }, LIMITS);
  const rows: (readonly Value[])[] = [];
  for await (const chunk of stream.chunks) rows.push(...chunk);
  return rows;
}
