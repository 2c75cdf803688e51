import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { eventually } from '../../../test/support/eventually.ts';
import { AzudError, isAzudError } from '../../error/azud-error.ts';
import type { CacheDriver, CacheEntry } from '../driver.ts';

/** What a driver's test gives to be held against the contract. */
export interface CacheHarness {
  /** Named in the report. */
  readonly name: string;
  /** A new, empty cache, opened. */
  open(): Promise<CacheDriver>;
  /** Another driver on the same entries, opened; absent where nobody else sees them. */
  beside?(): Promise<CacheDriver>;
  /** Breaks every connection; absent where there is none. */
  cut?(): void;
  /** Closes the driver and removes its entries. */
  close(driver: CacheDriver): Promise<void>;
}

const CASE_MS = 20_000;
const LONG_MS = 60_000;

function entry(key: string, bytes: Buffer | string, ttlMs = LONG_MS): CacheEntry {
  return { key, bytes: Buffer.from(bytes), ttlMs };
}

/** The contract of `CacheDriver` as cases. */
export function cacheConformance(harness: CacheHarness): void {
  describe(`${harness.name} keeps the contract of a cache driver`, { timeout: CASE_MS * 5 }, () => {
    let driver: CacheDriver;
    beforeEach(async () => {
      driver = await harness.open();
    });
    afterEach(() => harness.close(driver));
    const texts = async (...keys: string[]) =>
      (await driver.get(keys)).map((bytes) => (bytes === null ? null : bytes.toString()));

    test('gives back the bytes as they were, in the order asked, and null where there is nothing', async () => {
      const bytes = randomBytes(100_000);
      await driver.set([entry('bytes', bytes), entry('empty', ''), entry('å:1 {x}', 'å')]);
      const [unknown, first, empty, odd] = await driver.get(['unknown', 'bytes', 'empty', 'å:1 {x}']);
      assert.equal(unknown, null);
      assert.ok(first?.equals(bytes));
      assert.equal(empty?.length, 0);
      assert.equal(odd?.toString(), 'å');
    });

    test('takes the largest entry that it declares, and a thousand at once', async () => {
      const large = randomBytes(driver.capabilities.entryBytesMax);
      await driver.set([entry('large', large)]);
      assert.ok((await driver.get(['large']))[0]?.equals(large));
      const keys = Array.from({ length: 1_000 }, (_, n) => `n:${n}`);
      assert.equal((await driver.add(keys.map((key) => entry(key, key)))).length, 1_000);
      // A bounded cache may have let go of the oldest.
      assert.deepEqual(await texts('n:999', 'n:500'), ['n:999', 'n:500']);
    });

    test('set replaces, add does not, and add answers what is in force', async () => {
      await driver.set([entry('a', '1')]);
      await driver.set([entry('a', '2')]);
      assert.deepEqual(String(await driver.add([entry('a', '3'), entry('b', '4')])), '2,4');
      assert.deepEqual(await texts('a', 'b'), ['2', '4']);
    });

    test('forgets what is past its time, and only that; a new value has a new time', async () => {
      await driver.set([entry('short', '1', 20), entry('long', '2'), entry('again', '3', 20)]);
      await driver.set([entry('again', '4')]);
      await eventually(async () => assert.deepEqual(await texts('short', 'long', 'again'), [null, '2', '4']));
      assert.deepEqual(String(await driver.add([entry('short', '5')])), '5');
    });

    test('forgets what is removed, and removing what is not there is no mistake', async () => {
      await driver.set([entry('a', '1'), entry('b', '2')]);
      await driver.remove(['a', 'unknown']);
      assert.deepEqual(await texts('a', 'b'), [null, '2']);
    });

    if (harness.beside) sharingCases(harness.beside, () => driver);
    if (harness.cut) faultCases(harness.cut, () => driver);
  });
}

function sharingCases(beside: NonNullable<CacheHarness['beside']>, driver: () => CacheDriver): void {
  test('others on the same cache see the same, and of many who add one wins', async () => {
    const others = await Promise.all([beside(), beside(), beside()]);
    await driver().set([entry('a', '1')]);
    for (const other of others) assert.equal(String(await other.get(['a'])), '1');
    const answers = await Promise.all(others.map((other, n) => other.add([entry('b', `${n}`)])));
    assert.equal(new Set(answers.map(String)).size, 1);
    await Promise.all(others.map((other) => other.close()));
  });
}

function faultCases(cut: NonNullable<CacheHarness['cut']>, driver: () => CacheDriver): void {
  test('a broken connection fails what is on its way at once, and comes back by itself', async () => {
    await driver().set([entry('a', '1')]);
    cut();
    await assert.rejects(driver().get(['a']), (error) => isAzudError(error, 'not-connected'));
    await eventually(async () => assert.equal(String(await driver().get(['a'])), '1'));
  });

  test('what is overdue is given up on reset, and a new connection is made', async () => {
    await driver().set([entry('a', '1')]);
    const overdue = driver().get(['a']);
    driver().reset?.(new AzudError('not-connected', 'the cache did not answer'));
    await assert.rejects(overdue, (error) => isAzudError(error, 'not-connected'));
    await eventually(async () => assert.equal(String(await driver().get(['a'])), '1'));
  });

  test('after its end a call says so and does not wait', async () => {
    await driver().close();
    await assert.rejects(driver().get(['a']), (error) => isAzudError(error, 'not-connected'));
  });
}
