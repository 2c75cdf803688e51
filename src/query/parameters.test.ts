import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { batchOf, DATASETS, type Flow, openFlow, writeAll } from '../../test/support/flow.ts';
import { isAzudError } from '../error/azud-error.ts';
import { compileEndpoints } from './endpoint.ts';
import { bind } from './endpoints.ts';
import { chooseForm } from './format/negotiation.ts';
import { RowsReader } from './rows.ts';
import { allRows } from './stream.ts';
import { parseValue } from './values.ts';

const NEVER = new AbortController().signal;
const NAMES = [
  'limit',
  'cursor',
  'order',
  'select',
  'format',
  'raw',
  'flight',
  'origin',
  'delay',
  'at',
  'fare',
  'crew',
  '_event_id',
  '__proto__',
  'constructor',
];
const TEXTS = [
  '1',
  '-1',
  '1e5',
  'eq.1',
  'in.(1,2)',
  'in."',
  'like.%',
  'is.null',
  'is.true',
  '-flight',
  'flight,origin',
  'csv',
  'true',
  'eq.',
  '.',
  '\u0000',
  'gte.2026-01-01',
  '2026-02-30',
  'x'.repeat(9_000),
];

const name = fc.oneof(fc.constantFrom(...NAMES), fc.string());
const text = fc.oneof(fc.constantFrom(...TEXTS), fc.string({ unit: 'binary' }));
const params = fc.array(fc.tuple(name, text), { maxLength: 4 });

/** Whatever is asked, the answer is rows or a 400. */
function isBadRequest(error: unknown): boolean {
  if (isAzudError(error) && error.entry.status === 400) return true;
  throw error;
}

describe('whatever parameters are given', () => {
  let flow: Flow;
  before(async () => {
    flow = await openFlow();
    await flow.publish(batchOf([{ flight: 1, origin: 'SCL', delay: 2 }, { flight: 2 }]));
    await writeAll(flow);
  });
  after(() => flow.close());

  test('rows are answered or refused with 400', async () => {
    const reader = new RowsReader({ store: flow.store, datasets: DATASETS, cursorKey: Buffer.alloc(32) });
    const property = fc.asyncProperty(params, async (given) => {
      try {
        assert.ok((await allRows(await reader.list('flights', given, NEVER))).length <= 2);
      } catch (error) {
        isBadRequest(error);
      }
    });
    await fc.assert(property, { numRuns: 2_000 });
  });

  test('an endpoint binds typed values or refuses with 400', () => {
    const types = ['string', 'integer', 'number', 'boolean', 'date', 'timestamp'] as const;
    const declared = Object.fromEntries(types.map((type) => [type, { type }]));
    const sql = `SELECT ${types.map((type) => `$${type}`).join()}`;
    const endpoint = compileEndpoints([{ name: 'all', params: declared, sql }]).get('all') ?? assert.fail();
    const given = fc.array(fc.tuple(fc.constantFrom(...types), text), { maxLength: 3 });
    fc.assert(
      fc.property(given, (pairs) => {
        try {
          bind(endpoint, pairs);
          chooseForm(pairs[0]?.[1], pairs);
        } catch (error) {
          if (!isAzudError(error, 'not-acceptable')) isBadRequest(error);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test('an integer is read exactly, and so is a time', () => {
    const integers = fc.bigInt({ min: -(2n ** 127n), max: 2n ** 127n - 1n });
    fc.assert(fc.property(integers, (value) => String(parseValue('integer', String(value))) === String(value)));
    const years = { min: new Date('0001-01-02'), max: new Date('9999-12-30'), noInvalidDate: true };
    fc.assert(
      fc.property(fc.date(years), fc.integer({ min: 0, max: 999 }), (date, micros) => {
        const iso = date.toISOString();
        const sent = iso.replace('Z', `${String(micros).padStart(3, '0')}Z`);
        assert.equal(parseValue('timestamp', sent), micros === 0 ? iso : sent);
      }),
    );
  });
});
