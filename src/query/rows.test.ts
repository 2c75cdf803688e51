import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { batchOf, DATASETS, type Flow, openFlow } from '../../test/support/flow.ts';
import type { Batch } from '../event/batch.ts';
import { RowsReader } from './rows.ts';
import { allRows } from './stream.ts';

const KEY = Buffer.alloc(32, 1);
const BIG = '12345678901234567890';
const NEVER = new AbortController().signal;

let flow: Flow;
let reader: RowsReader;
beforeEach(async () => {
  flow = await openFlow();
  reader = new RowsReader({ store: flow.store, datasets: DATASETS, cursorKey: KEY });
});
afterEach(() => flow.close());

/** Stores batches without a loader. */
async function store(...batches: Batch[]): Promise<void> {
  await flow.store.write({ batches: batches.map((batch) => ({ batch, position: null, dead: new Map() })) });
}

async function list(query: string, dataset = 'flights') {
  const page = await reader.list(dataset, new URLSearchParams(query), NEVER);
  const rows = await allRows(page);
  return { names: page.columns.map(({ name }) => name), rows, next: page.next() };
}

const flightsOf = async (query: string) => (await list(`select=flight&${query}`)).rows.map(([flight]) => flight);

const refuses = (query: string, pattern: RegExp, code = 'invalid-parameter') =>
  assert.rejects(list(query), (error: Error & { code?: string }) => {
    assert.equal(error.code, code, error.message);
    assert.match(error.message, pattern);
    return true;
  });

describe('rows', () => {
  beforeEach(async () => {
    const events = [
      '{"flight":1,"origin":"SCL","delay":-5,"at":"2026-01-01T00:00:00Z","day":"2026-01-01","fare":"10.50","late":false}',
      '{"flight":2,"origin":"LIM","delay":12.5,"at":"2026-01-02T10:00:00.000001Z","day":"2026-01-02","late":true}',
      `{"flight":${BIG},"origin":"a,\\"b","crew":[1,2]}`,
    ];
    await store(...events.map((event, n) => batchOf([event], { receivedAt: 1_000 + n })));
  });

  test('come newest first, with all columns, the system columns last', async () => {
    const { names, rows, next } = await list('');
    assert.deepEqual(names.slice(0, 2), ['flight', 'origin']);
    assert.deepEqual(names.slice(-4), ['_event_id', '_transaction_id', '_received_at', '_extra']);
    assert.deepEqual(
      rows.map(([flight]) => flight),
      [BigInt(BIG), 2, 1],
    );
    assert.equal(next, null);
  });

  const FOUND: readonly (readonly [string, readonly unknown[]])[] = [
    ['flight=eq.2', [2]],
    ['flight=ne.2', [BigInt(BIG), 1]],
    [`flight=eq.${BIG}`, [BigInt(BIG)]],
    ['flight=in.1,2', [2, 1]],
    ['flight=in.(1,2)', [2, 1]],
    ['origin=in."a,""b",SCL', [BigInt(BIG), 1]],
    ['origin=like.%25L', [1]],
    ['delay=gte.-5&delay=lt.12.5', [1]],
    ['delay=is.null', [BigInt(BIG)]],
    ['late=is.true', [2]],
    ['late=eq.false', [1]],
    ['at=gt.2026-01-02T10:00:00Z', [2]],
    ['at=gte.2026-01-02', [2]],
    ['at=eq.2026-01-02T07:00:00.000001-03:00', [2]],
    ['day=lte.2026-01-01', [1]],
    ['fare=eq.10.5', [1]],
    ['order=-delay', [2, 1, BigInt(BIG)]],
    ['order=origin&limit=2', [2, 1]],
    ['order=late,-flight', [1, 2, BigInt(BIG)]],
  ];
  for (const [query, expected] of FOUND) {
    test(`answer ${query}`, async () => assert.deepEqual(await flightsOf(query), expected));
  }

  const REFUSED: readonly (readonly [string, RegExp])[] = [
    ['limit=0', /"limit" must be a whole number from 1 to 10000/],
    ['limit=-1', /limit/],
    ['limit=1000000000', /limit/],
    ['limit= 1', /limit/],
    ['limit=1&limit=1', /"limit" is given more than once/],
    ['lmit=1', /did you mean "limit"/],
    ['orign=eq.SCL', /did you mean "origin"/],
    ['__proto__=3', /__proto__/],
    ['a[]=1', /is not a parameter here/],
    ['origin=SCL', /"origin" needs an operator/],
    ['flight=eq.0x10', /"flight" must be a whole number/],
    ['flight=eq.١', /flight/],
    ['flight=eq. 1', /flight/],
    [`flight=eq.${'9'.repeat(39)}`, /flight/],
    ['delay=eq.1e309', /delay/],
    ['late=eq.yes', /"late" must be true or false/],
    ['late=gt.true', /cannot be compared/],
    ['late=like.t', /compared/],
    ['delay=like.1', /not text/],
    ['crew=lt.1', /cannot be compared/],
    ['day=eq.2026-02-30', /day/],
    ['day=eq.now()', /day/],
    ['at=eq.2026-01-02T10:00:00', /at/],
    ['origin=is.SCL', /is\.null/],
    ['origin=is.true', /not boolean/],
    ['origin=in."a', /unfinished quote/],
    ['origin=in.(', /unclosed bracket/],
    ['origin=in.(a,b', /unclosed bracket/],
    ['crew=eq.{', /"crew" must be JSON/],
    [`origin=eq.${'x'.repeat(9_000)}`, /longer than 8192 bytes/],
    ['select=flight,nope', /"select" names no column "nope"/],
    ['select=flight,flight', /twice/],
    ['select=', /names no column/],
    ['order=fligt', /did you mean "flight"/],
    ['order=-flight,flight', /twice/],
    ['order=crew', /JSON/],
  ];
  for (const [query, pattern] of REFUSED) {
    test(`refuse ${query.slice(0, 60)}`, () => refuses(query, pattern));
  }

  test('bind whatever a filter holds as a value', async () => {
    for (const value of ["' or 1=1 --", "1'; drop table flights", '$1', '{{x}}', '%00', '\\']) {
      assert.deepEqual(await flightsOf(`origin=eq.${encodeURIComponent(value)}`), []);
    }
  });

  test('name the nearest dataset when there is none', async () => {
    await assert.rejects(list('', 'flight'), {
      code: 'dataset-not-found',
      message: 'no dataset flight; did you mean "flights"?',
    });
  });
});

describe('pages of rows', () => {
  test('hold every row once, also when many share the value they are ordered by', async () => {
    const events = Array.from({ length: 25 }, (_, flight) => ({
      flight,
      origin: flight % 2 ? 'SCL' : 'LIM',
      ...(flight % 3 && { delay: flight % 4 }),
    }));
    await store(batchOf(events));
    for (const order of ['', 'order=origin', 'order=-delay,origin', 'order=flight', 'order=-at']) {
      const seen: unknown[] = [];
      let cursor: string | null = '';
      let pages = 0;
      while (cursor !== null) {
        const query: string = `select=flight&limit=4&${order}${cursor && `&cursor=${cursor}`}`;
        const page: { rows: readonly (readonly unknown[])[]; next: string | null } = await list(query);
        seen.push(...page.rows.map(([flight]) => flight));
        cursor = page.next;
        pages += 1;
      }
      assert.equal(new Set(seen).size, 25, order);
      assert.equal(seen.length, 25, order);
      assert.equal(pages, 7, order);
    }
  });

  test('go on exactly at an integer that no double can hold', async () => {
    await store(batchOf([`{"flight":${BIG}}`, `{"flight":${BIG.slice(0, -1)}1}`, '{"flight":1}']));
    const first = await list('limit=1&order=-flight&select=flight');
    assert.deepEqual(first.rows, [[12345678901234567891n]]);
    const second = await list(`limit=1&order=-flight&select=flight&cursor=${first.next}`);
    assert.deepEqual(second.rows, [[BigInt(BIG)]]);
  });

  test('refuse a cursor that was changed, or is of another query, dataset or key', async () => {
    await store(batchOf([{ flight: 1 }, { flight: 2 }]));
    const { next } = await list('limit=1');
    assert.ok(next);
    assert.equal((await list(`limit=5&select=origin&cursor=${next}`)).rows.length, 1);
    const flipped = next.slice(0, -1) + (next.endsWith('A') ? 'B' : 'A');
    const forms = [
      `limit=1&cursor=${flipped}`,
      `cursor=${next}=`,
      'cursor=',
      'cursor=x',
      `order=flight&cursor=${next}`,
      `flight=eq.1&cursor=${next}`,
    ];
    for (const form of forms) await refuses(form, /the cursor is not one of this query/, 'invalid-cursor');
    await assert.rejects(list(`cursor=${next}`, 'clients'), { code: 'invalid-cursor' });
    const other = new RowsReader({ store: flow.store, datasets: DATASETS, cursorKey: Buffer.alloc(32, 2) });
    await assert.rejects(other.list('flights', [['cursor', next]], NEVER), { code: 'invalid-cursor' });
  });
});

describe('a row', () => {
  test('is found by its event id, or by its key in upsert mode', async () => {
    await store(batchOf([{ flight: 7 }], { ids: ['flight#7'] }));
    await store(
      batchOf(
        [
          { id: 1, name: 'old' },
          { id: 1, name: 'new' },
        ],
        { dataset: 'clients' },
      ),
    );
    assert.equal((await reader.byId('flights', 'flight#7', NEVER)).row[0], 7);
    assert.deepEqual((await reader.byId('clients', '1', NEVER)).row.slice(0, 2), [1, 'new']);
    await assert.rejects(reader.byId('flights', 'nope', NEVER), { code: 'row-not-found' });
    await assert.rejects(reader.byId('clients', '2', NEVER), { code: 'row-not-found' });
    await assert.rejects(reader.byId('clients', '1 or 1=1', NEVER), { code: 'invalid-parameter' });
    await assert.rejects(reader.byId('nope', '1', NEVER), { code: 'dataset-not-found' });
  });
});
