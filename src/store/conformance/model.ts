import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Batch } from '../../event/batch.ts';
import { uuidDerived } from '../../event/ids.ts';
import type { StoreDriver, UnitBatch } from '../driver.ts';
import { MemoryStoreDriver } from '../memory/driver.ts';
import { BAD, batchOf, CLIENTS, DAY_MS, FLIGHTS, read, type StoreHarness, T0 } from './fixtures.ts';

const DATASETS = [FLIGHTS, CLIENTS];
/** Letters have known ids, so that a later batch can replay or discard them whether or not they are there. */
const letterId = (n: number) => uuidDerived('letter', String(n));

interface Move {
  readonly upsert: boolean;
  readonly ids: boolean;
  readonly events: readonly number[];
  readonly dead: readonly number[];
  readonly rejects: readonly number[];
  readonly act: 'take' | 'replay' | 'discard';
  readonly hours: number;
}

const small = fc.array(fc.nat(7), { maxLength: 5 });
const MOVE: fc.Arbitrary<Move> = fc.record({
  upsert: fc.boolean(),
  ids: fc.boolean(),
  events: small,
  dead: fc.array(fc.nat(5), { maxLength: 2 }),
  rejects: fc.uniqueArray(fc.nat(7), { maxLength: 2 }),
  act: fc.constantFrom('take', 'take', 'take', 'replay', 'discard'),
  hours: fc.nat(400),
});

/** The same moves always make the same batches, so two stores can be given them. */
function entryOf(move: Move, index: number): UnitBatch {
  const dataset = move.upsert ? CLIENTS : FLIGHTS;
  const letter = (n: number) => letterId(n + (move.upsert ? 100 : 0));
  const events = move.events.map((n) =>
    move.upsert ? { id: `k${n}`, name: `${index}` } : { flight_id: `f${n}`, delay: index },
  );
  const position = { stream: 'model', offset: index + 1 };
  const common: Partial<Batch> = {
    id: uuidDerived('batch', String(index)),
    transactionId: uuidDerived('transaction', String(index)),
    receivedAt: T0 + move.hours * (DAY_MS / 24),
  };
  if (move.act === 'discard') {
    const discards = move.rejects.map((n) => ({ id: letter(n), reason: 'why not' }));
    return { batch: batchOf(dataset, [], { ...common, discards }), position, dead: new Map() };
  }
  const dead = new Map(move.dead.filter((line) => line < events.length).map((line) => [line, BAD]));
  const replay = move.act === 'replay';
  const ids = move.ids || replay ? move.events.map((n) => `e${n}`) : null;
  const rejects = move.rejects.map((n) => ({ ...REJECT, id: letter(n), row: events.length + 1 + n }));
  const special = replay ? { replays: move.events.map(letter) } : { rejects };
  return { batch: batchOf(dataset, events, { ...common, ids, ...special }), position, dead };
}

const REJECT = { code: 'x', message: 'y', path: '', original: Buffer.from('z'), eventId: null };

/** Everything that can be seen of a store. */
async function contents(driver: StoreDriver) {
  const { counts, progress } = await driver.ledger();
  for (const [dataset, { accepted, stored, duplicate, dead }] of counts) {
    assert.equal(accepted, stored + duplicate + dead, `the sums of ${dataset} do not balance`);
  }
  const sorted = (rows: object[]) => rows.map((row) => JSON.stringify(row)).sort();
  return {
    progress,
    counts: [...counts].sort(([a], [b]) => a.localeCompare(b)),
    flights: sorted(await read(driver, FLIGHTS)),
    clients: sorted(await read(driver, CLIENTS)),
    letters: await read(driver, '_dead_letters'),
    transactions: await read(driver, '_transactions'),
  };
}

/** However a loader groups the batches into units, and whatever it gives twice, the store ends the same. */
export function modelCases(harness: StoreHarness): void {
  test('any batches, grouped any way and given again, end as they do one by one', async () => {
    const plan = fc.record({
      moves: fc.array(MOVE, { maxLength: 20 }),
      sizes: fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1 }),
    });
    await fc.assert(
      fc.asyncProperty(plan, async ({ moves, sizes }) => {
        const model = new MemoryStoreDriver();
        await model.open(DATASETS, { allowDestructive: false, onStep: () => {} });
        const entries = distinctLetters(moves).map(entryOf);
        for (const entry of entries) await model.write({ batches: [entry] });
        const driver = await harness.open(DATASETS);
        try {
          for (let from = 0, turn = 0; from < entries.length; turn += 1) {
            const to = from + (sizes[turn % sizes.length] ?? 1);
            // The last batch written before comes again, as after a crash between write and ack.
            await driver.write({ batches: entries.slice(Math.max(0, from - 1), to) });
            from = to;
          }
          assert.deepEqual(await contents(driver), await contents(model));
        } finally {
          await harness.close(driver);
        }
      }),
      { numRuns: 15, endOnFailure: true },
    );
  });
}

/** A letter's id is given once only, as intake does. */
function distinctLetters(moves: readonly Move[]): Move[] {
  const given = new Set<string>();
  return moves.map((move) => {
    if (move.act !== 'take') return move;
    const fresh = move.rejects.filter((n) => !given.has(`${move.upsert} ${n}`));
    for (const n of fresh) given.add(`${move.upsert} ${n}`);
    return { ...move, rejects: fresh };
  });
}
