import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Client } from 'pg';
import { POSTGRES_URL } from '../../../test/support/postgres.ts';
import { uuidV7 } from '../../event/ids.ts';
import { copyInto } from './copy.ts';
import { TRANSACTION_TARGET, type TransactionOf, TransactionRows } from './copy-transactions.ts';

const client = new Client({ connectionString: POSTGRES_URL });
before(async () => {
  await client.connect();
  await client.query(`CREATE TEMP TABLE "_transactions" (batch_id uuid, transaction_id uuid, dataset text,
    received_at timestamptz, accepted bigint, stored bigint, duplicate bigint, dead bigint)`);
});
after(() => client.end());

const COUNTS = { accepted: 10_000, stored: 9_998, duplicate: 1, dead: 1 };

function rowOf(n: number, { counts = COUNTS, dataset = 'orders' } = {}): TransactionOf {
  const receivedAt = Date.UTC(1999, 11, 31, 23, 59, 59, 999) + n * 86_399_999;
  return { counts, batch: { id: uuidV7(receivedAt), transactionId: uuidV7(receivedAt), dataset, receivedAt } };
}

/** The same with its ids at hand as bytes: nobody may have their texts made. */
function withBytes(row: TransactionOf): TransactionOf {
  const { id, transactionId } = row.batch;
  const bytes = Buffer.from(`ff${id}${transactionId}`.replaceAll('-', ''), 'hex');
  const { dataset, receivedAt } = row.batch;
  const text = (): never => assert.fail('a text was made of the bytes');
  const batch = {
    uuids: { bytes, at: 1 },
    dataset,
    receivedAt,
    get id(): string {
      return text();
    },
    get transactionId(): string {
      return text();
    },
  };
  return { ...row, batch };
}

async function kept(rows: TransactionRows, some: readonly TransactionOf[]): Promise<unknown[]> {
  await client.query('TRUNCATE "_transactions"');
  await copyInto(client, TRANSACTION_TARGET, [rows.of(some)]);
  const found = await client.query<Record<string, string | Date>>('SELECT * FROM "_transactions" ORDER BY received_at');
  return found.rows.map(({ batch_id, transaction_id, dataset, received_at, ...counts }) => ({
    counts: Object.fromEntries(Object.entries(counts).map(([name, value]) => [name, Number(value)])),
    batch: { id: batch_id, transactionId: transaction_id, dataset, receivedAt: Number(received_at) },
  }));
}

test('rows arrive as they were written, more of them than the memory holds at first', async () => {
  const rows = new TransactionRows();
  const signed = { accepted: 0, stored: 1, duplicate: 2 ** 40, dead: -1 };
  for (const count of [1_000, 0, 3]) {
    const some = Array.from({ length: count }, (_, n) =>
      rowOf(n, n % 3 === 0 ? { dataset: `d_${n % 7}`, counts: signed } : {}),
    );
    assert.deepEqual(await kept(rows, some), some);
    assert.deepEqual(await kept(rows, some.map(withBytes)), some);
  }
});
