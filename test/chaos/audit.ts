import assert from 'node:assert/strict';
import type { Json } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import type { System } from '../support/system.ts';
import type { Claim, Witness } from './witness.ts';

const SETTLED_WITHIN_MS = 180_000;
const LETTERS_PAGE = 1_000;

/** Read by `audit`: how often each mark of a cycle is stored, and all marks of the run so far. */
export const AUDIT_ENDPOINTS = {
  orders_copies: copies('orders'),
  parcels_copies: copies('parcels'),
  customers_visits: {
    params: { turn: { type: 'integer', required: true } },
    sql: 'SELECT mark, visits FROM customers WHERE turn = $turn',
  },
  totals: {
    sql:
      'SELECT (SELECT count(*) FROM orders) + (SELECT count(*) FROM parcels) AS stored, ' +
      '(SELECT count(DISTINCT mark) FROM orders) + (SELECT count(DISTINCT mark) FROM parcels) AS marks',
  },
};

function copies(dataset: string): object {
  return {
    params: { turn: { type: 'integer', required: true } },
    sql: `SELECT mark, count(*) AS copies FROM ${dataset} WHERE turn = $turn GROUP BY mark`,
  };
}

/** What one cycle came to. */
export interface Findings {
  readonly acknowledged: number;
  readonly unanswered: number;
  readonly stored: number;
  /** Acknowledged and not there. */
  readonly lost: number;
  /** There more than once. */
  readonly twice: number;
  /** Whatever else is wrong, in words. */
  readonly faults: readonly string[];
  /** What the next cycle finds. */
  readonly after: Before;
}

/** What the cycles before have left in the store. */
export interface Before {
  readonly stored: number;
  readonly dead: number;
}

/**
 * Waits until all is final, then holds what is stored against what the witness knows. A query may be the first to meet a
 * damaged block: then the database is made anew meanwhile, and the audit begins again.
 */
export async function audit(system: System, witness: Witness, cycle: Cycle): Promise<Findings> {
  for (;;) {
    const before = restartsIn(system.logs);
    const findings = await auditOnce(system, witness, cycle);
    if (restartsIn(system.logs) === before) return findings;
  }
}

/** Processes that died and were started again, as the supervisor tells it. */
export function restartsIn(logs: string): number {
  return logs.match(/a process died and is started again/g)?.length ?? 0;
}

interface Cycle {
  readonly turn: number;
  readonly before: Before;
}

async function auditOnce(system: System, witness: Witness, { turn, before }: Cycle): Promise<Findings> {
  const sums = await settled(system);
  const faults = [...witness.complaints];
  const tally = { acknowledged: 0, unanswered: 0, stored: 0, lost: 0, twice: 0 };
  for (const [dataset, claims] of Object.entries(witness.claims)) {
    const rows = await endpoint(system, `${dataset}_copies?turn=${turn}`);
    const copiesOf = new Map(rows.map(({ mark, copies }) => [String(mark), Number(copies)]));
    for (const [mark, claim] of claims) {
      const found = copiesOf.get(mark) ?? 0;
      copiesOf.delete(mark);
      count(tally, claim, found);
      if (claim === 'refused' && found > 0) faults.push(`${dataset} ${mark} was refused, and is stored`);
    }
    for (const mark of copiesOf.keys()) faults.push(`${dataset} ${mark} is stored, and must not be`);
  }
  faults.push(...(await visitFaults(system, witness, turn)));
  const [totals] = await endpoint(system, 'totals');
  const expected = before.stored + tally.stored;
  const { stored, marks } = totals ?? {};
  if (Number(stored) !== expected || Number(marks) !== expected) {
    faults.push(`${expected} rows should be there, ${stored} are, with ${marks} marks`);
  }
  faults.push(...letterFaults(witness, before.dead, sums));
  faults.push(...(await doubleLetters(system, witness)));
  const after = { stored: Number(stored), dead: sums.reduce((sum, { dead }) => sum + dead, 0) };
  return { ...tally, faults, after };
}

type Tally = { -readonly [Name in 'acknowledged' | 'unanswered' | 'stored' | 'lost' | 'twice']: number };

function count(tally: Tally, claim: Claim, found: number): void {
  if (claim === 'acknowledged') tally.acknowledged += 1;
  if (claim === 'unanswered') tally.unanswered += 1;
  if (claim === 'acknowledged' && found === 0) tally.lost += 1;
  if (found > 1) tally.twice += 1;
  tally.stored += found;
}

interface Sum {
  readonly dataset: string;
  readonly accepted: number;
  readonly dead: number;
  readonly in_flight: number | null;
  readonly balanced: boolean;
}

/** The conservation report once nothing is in flight. @throws AssertionError when it is not balanced, or does not settle */
async function settled(system: System): Promise<readonly Sum[]> {
  return eventually(
    async () => {
      const answer = await system.get('/v1/conservation');
      const { datasets } = (await answer.json()) as { datasets: readonly Sum[] };
      assert.equal(answer.status, 200);
      for (const sum of datasets) assert.deepEqual([sum.in_flight, sum.balanced], [0, true], JSON.stringify(sum));
      return datasets;
    },
    { timeoutMs: SETTLED_WITHIN_MS, intervalMs: 100 },
  );
}

/** A store that has just met damage answers 503 until it is rebuilt. */
async function endpoint(system: System, name: string): Promise<readonly Json[]> {
  return eventually(
    async () => {
      const answer = await system.get(`/v1/endpoints/${name}`);
      const { data } = (await answer.json()) as { data: readonly Json[] };
      assert.equal(answer.status, 200);
      return data;
    },
    { timeoutMs: SETTLED_WITHIN_MS, intervalMs: 100 },
  );
}

async function visitFaults(system: System, { visits }: Witness, turn: number): Promise<string[]> {
  const rows = await endpoint(system, `customers_visits?turn=${turn}`);
  const stored = new Map(rows.map((row) => [String(row.mark), Number(row.visits)]));
  return [...visits].flatMap(([mark, { acknowledged, sent }]) => {
    const found = stored.get(mark) ?? 0;
    return found >= acknowledged && found <= sent
      ? []
      : [`customer ${mark} is at ${found}, not at ${acknowledged} to ${sent}`];
  });
}

/** All dead letters: those of acknowledged batches, and of unanswered ones at most. */
function letterFaults({ letters, unansweredLetters }: Witness, before: number, sums: readonly Sum[]): string[] {
  const sure = before + [...letters.values()].reduce((sum, each) => sum + each, 0);
  const dead = sums.reduce((sum, each) => sum + each.dead, 0);
  if (dead >= sure && dead <= sure + unansweredLetters) return [];
  return [`${dead} dead letters, not ${sure} to ${sure + unansweredLetters}`];
}

/** Each refused row of an acknowledged batch is one letter, however often the batch was sent. */
async function doubleLetters(system: System, { letters }: Witness): Promise<string[]> {
  const found = new Map<string, number>();
  const answer = await system.get(`/v1/dead-letters?dataset=orders&limit=${LETTERS_PAGE}`);
  const { data } = (await answer.json()) as { data: readonly { transaction_id: string }[] };
  for (const { transaction_id } of data) found.set(transaction_id, (found.get(transaction_id) ?? 0) + 1);
  // A page holds the newest; a transaction at its end may be cut.
  return [...letters].flatMap(([transaction, rows]) => {
    const listed = found.get(transaction) ?? 0;
    return listed > rows ? [`transaction ${transaction} has ${listed} dead letters, not ${rows}`] : [];
  });
}
