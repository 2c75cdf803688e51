import assert from 'node:assert/strict';
import { deadLetterId, eventIdAt, keyedEventId, keyedTransactionId } from '../../event/ids.ts';
import type { StoreDriver } from '../driver.ts';
import { at, BAD, batchOf, countsOf, FLIGHTS, read, rejectOf, type StoreHarness, T0 } from './fixtures.ts';
import { storeTest } from './with-store.ts';

const datasets = [FLIGHTS];
const test = (harness: StoreHarness, name: string, body: (driver: StoreDriver) => Promise<void>) =>
  storeTest(harness, { name, datasets }, ({ driver }) => body(driver));

export function letterCases(harness: StoreHarness): void {
  buryingCases(harness);
  replayCases(harness);
  discardCases(harness);
}

function buryingCases(harness: StoreHarness): void {
  test(harness, 'rows refused at intake are dead letters with their original bytes', async (driver) => {
    const reject = rejectOf(2, Buffer.from([0x7b, 0xff, 0x00, 0xfe]), 'their-id');
    const batch = batchOf(FLIGHTS, [{ delay: 1 }, { delay: 3 }], { rows: [1, 3], rejects: [reject], receivedAt: T0 });
    assert.deepEqual(await driver.write({ batches: [at(batch)] }), [{ accepted: 3, stored: 2, duplicate: 0, dead: 1 }]);
    assert.deepEqual(await read(driver, '_dead_letters'), [
      {
        id: reject.id,
        dataset: 'flights',
        transaction_id: batch.transactionId,
        event_id: 'their-id',
        row: 2,
        stage: 'intake',
        code: 'schema_violation',
        message: 'must be an integer',
        path: '/delay',
        received_at: '2026-01-15T12:00:00.000Z',
        original: reject.original.toString('base64'),
        state: 'dead',
        reason: null,
      },
    ]);
  });

  test(
    harness,
    'lines named dead become letters and the others rows, with the ids they would have had',
    async (driver) => {
      const batch = batchOf(FLIGHTS, ['{"delay":0}', '{"delay":1e60}', '{"delay":2}'], { rows: [1, 4, 9] });
      const dead = new Map([[1, BAD]]);
      assert.deepEqual(await driver.write({ batches: [at(batch, dead)] }), [
        { accepted: 3, stored: 2, duplicate: 0, dead: 1 },
      ]);
      const [letter] = await read(driver, '_dead_letters');
      assert.equal(letter?.id, deadLetterId(batch.transactionId, 4));
      assert.equal(letter?.row, 4);
      assert.equal(letter?.stage, 'store');
      assert.equal(letter?.event_id, eventIdAt(batch.transactionId, 1));
      assert.equal(Buffer.from(String(letter?.original), 'base64').toString(), '{"delay":1e60}');
      const rows = await read(driver, FLIGHTS);
      assert.deepEqual(
        rows.map((row) => row._event_id),
        [0, 2].map((line) => eventIdAt(batch.transactionId, line)),
      );
    },
  );

  test(
    harness,
    'a request sent again under its key brings no dead letter again, be it open, discarded or replayed',
    async (driver) => {
      const refused = { ...rejectOf(2, Buffer.from('{"delay":"x"}'), keyedEventId('flights', 'key', 2)) };
      const sent = () => {
        const ids = [1, 3].map((row) => keyedEventId('flights', 'key', row));
        const transactionId = keyedTransactionId('flights', 'key');
        const events = [{ delay: 1 }, '{"delay":1e60}'];
        return at(
          batchOf(FLIGHTS, events, { transactionId, ids, rows: [1, 3], rejects: [refused] }),
          new Map([[1, BAD]]),
        );
      };
      const again = { accepted: 3, stored: 0, duplicate: 3, dead: 0 };
      assert.deepEqual(await driver.write({ batches: [sent(), sent()] }), [
        { accepted: 3, stored: 1, duplicate: 0, dead: 2 },
        again,
      ]);
      const letters = await read(driver, '_dead_letters');
      assert.equal(letters.length, 2);
      assert.deepEqual(await driver.write({ batches: [sent()] }), [again]);
      const buried = String(letters.find(({ row }) => row === 3)?.id);
      await driver.write({ batches: [at(batchOf(FLIGHTS, [], { discards: [{ id: buried, reason: 'no' }] }))] });
      const { transactionId, ids } = {
        transactionId: keyedTransactionId('flights', 'key'),
        ids: [String(refused.eventId)],
      };
      const replay = batchOf(FLIGHTS, [{ delay: 5 }], { transactionId, ids, rows: [2], replays: [refused.id] });
      assert.deepEqual(await driver.write({ batches: [at(replay)] }), [
        { accepted: 0, stored: 1, duplicate: 0, dead: -1 },
      ]);
      assert.deepEqual(await driver.write({ batches: [sent()] }), [again]);
      assert.deepEqual(
        (await read(driver, '_dead_letters')).map(({ id, state }) => [id, state]),
        [[buried, 'discarded']],
      );
      assert.deepEqual(await countsOf(driver, FLIGHTS), { accepted: 12, stored: 2, duplicate: 9, dead: 1 });
    },
  );

  test(harness, 'a dead line leaves its client id free', async (driver) => {
    await driver.write({ batches: [at(batchOf(FLIGHTS, [{ delay: 1 }], { ids: ['a'] }), new Map([[0, BAD]]))] });
    const results = await driver.write({ batches: [at(batchOf(FLIGHTS, [{ delay: 1 }], { ids: ['a'] }))] });
    assert.equal(results[0]?.stored, 1);
  });
}

/** One stored row and two letters of one transaction. */
async function withLetters(driver: StoreDriver) {
  const rejects = [rejectOf(2, Buffer.from('{"delay":"x"}'), 'e2'), rejectOf(3, Buffer.from('{"delay":"y"}'), 'e3')];
  const batch = batchOf(FLIGHTS, [{ delay: 1 }], { ids: ['e1'], rejects });
  await driver.write({ batches: [at(batch)] });
  const replay = (letters: readonly string[], ids: readonly string[]) =>
    batchOf(
      FLIGHTS,
      letters.map(() => ({ delay: 5 })),
      {
        ids,
        replays: letters,
        transactionId: batch.transactionId,
        source: 'replay',
      },
    );
  return { batch, replay, letters: rejects.map(({ id }) => id) as [string, string] };
}

async function receipt(driver: StoreDriver, transactionId: string) {
  const rows = await read(driver, '_transactions', {
    where: [{ column: 'transaction_id', operator: 'eq', value: transactionId }],
  });
  const sum = (name: string) => rows.reduce((total, row) => total + Number(row[name]), 0);
  return { accepted: sum('accepted'), stored: sum('stored'), duplicate: sum('duplicate'), dead: sum('dead') };
}

function replayCases(harness: StoreHarness): void {
  test(harness, 'a replay takes the letter away, brings the row and moves the sums', async (driver) => {
    const { batch, replay, letters } = await withLetters(driver);
    const results = await driver.write({ batches: [at(replay([letters[0]], ['e2']))] });
    assert.deepEqual(results, [{ accepted: 0, stored: 1, duplicate: 0, dead: -1 }]);
    assert.deepEqual(
      (await read(driver, '_dead_letters')).map(({ id }) => id),
      [letters[1]],
    );
    assert.deepEqual(
      (await read(driver, FLIGHTS)).map((row) => row._event_id),
      ['e1', 'e2'],
    );
    const expected = { accepted: 3, stored: 2, duplicate: 0, dead: 1 };
    assert.deepEqual(await countsOf(driver, FLIGHTS), expected);
    assert.deepEqual(await receipt(driver, batch.transactionId), expected);
  });

  test(harness, 'a replay of an event that is stored already is a duplicate, and its letter goes', async (driver) => {
    const { replay, letters } = await withLetters(driver);
    const results = await driver.write({ batches: [at(replay([letters[0]], ['e1']))] });
    assert.deepEqual(results, [{ accepted: 0, stored: 0, duplicate: 1, dead: -1 }]);
    assert.deepEqual(await countsOf(driver, FLIGHTS), { accepted: 3, stored: 1, duplicate: 1, dead: 1 });
    assert.equal((await read(driver, '_dead_letters')).length, 1);
  });

  test(
    harness,
    'a second replay, in the same unit or later, and one of an unknown letter change nothing',
    async (driver) => {
      const { replay, letters } = await withLetters(driver);
      const nothing = { accepted: 0, stored: 0, duplicate: 0, dead: 0 };
      const unit = [at(replay([letters[0]], ['e2'])), at(replay([letters[0]], ['e2']))];
      assert.deepEqual((await driver.write({ batches: unit }))[1], nothing);
      assert.deepEqual(await driver.write({ batches: [at(replay([letters[0]], ['e2']))] }), [nothing]);
      const unknown = '018f0000-0000-7000-8000-000000000000';
      assert.deepEqual(await driver.write({ batches: [at(replay([unknown], ['other']))] }), [nothing]);
      assert.deepEqual(await countsOf(driver, FLIGHTS), { accepted: 3, stored: 2, duplicate: 0, dead: 1 });
      assert.equal((await read(driver, FLIGHTS)).length, 2);
    },
  );

  test(harness, 'a letter buried and replayed in one unit ends as a row', async (driver) => {
    const reject = rejectOf(1, Buffer.from('x'), 'late');
    const batch = batchOf(FLIGHTS, [], { rejects: [reject] });
    const replay = batchOf(FLIGHTS, [{ delay: 2 }], { ids: ['late'], replays: [reject.id] });
    await driver.write({ batches: [at(batch), at(replay)] });
    assert.deepEqual(await read(driver, '_dead_letters'), []);
    assert.deepEqual(await countsOf(driver, FLIGHTS), { accepted: 1, stored: 1, duplicate: 0, dead: 0 });
  });

  test(
    harness,
    'a replayed line that the store refuses again leaves its letter, with the new reason',
    async (driver) => {
      const { replay, letters } = await withLetters(driver);
      const again = at(replay(letters, ['e2', 'e3']), new Map([[1, { ...BAD, message: 'still wrong' }]]));
      assert.deepEqual(await driver.write({ batches: [again] }), [{ accepted: 0, stored: 1, duplicate: 0, dead: -1 }]);
      const [letter] = await read(driver, '_dead_letters');
      assert.equal(letter?.id, letters[1]);
      assert.equal(letter?.message, 'still wrong');
      assert.equal(letter?.stage, 'store');
      assert.deepEqual(await countsOf(driver, FLIGHTS), { accepted: 3, stored: 2, duplicate: 0, dead: 1 });
    },
  );
}

function discardCases(harness: StoreHarness): void {
  test(harness, 'a discarded letter stays, closed with its reason and dead in every sum', async (driver) => {
    const { replay, letters, batch } = await withLetters(driver);
    const discard = batchOf(FLIGHTS, [], {
      discards: [{ id: letters[0], reason: "test data; can't use" }],
      transactionId: batch.transactionId,
    });
    assert.deepEqual(await driver.write({ batches: [at(discard)] }), [
      { accepted: 0, stored: 0, duplicate: 0, dead: 0 },
    ]);
    const found = await read(driver, '_dead_letters', {
      where: [{ column: 'state', operator: 'eq', value: 'discarded' }],
    });
    assert.deepEqual(
      found.map(({ id, reason }) => ({ id, reason })),
      [{ id: letters[0], reason: "test data; can't use" }],
    );
    const replayed = await driver.write({ batches: [at(replay([letters[0]], ['e2']))] });
    assert.equal(replayed[0]?.stored, 0);
    assert.deepEqual(await countsOf(driver, FLIGHTS), { accepted: 3, stored: 1, duplicate: 0, dead: 2 });
  });
}
