import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { systemClock } from '../../lib/clock.ts';
import { Metrics } from '../../telemetry/metrics.ts';
import type { Cache } from '../cache.ts';
import { Results } from '../results.ts';

/** The same entries, as two processes see them. */
export interface TwoCaches {
  readonly first: Cache;
  readonly second: Cache;
}

const ORDERS = { key: 'orders', datasets: ['orders'], ttlMs: 60_000 };

async function* pieces(text: string): AsyncGenerator<Buffer> {
  yield Buffer.from(text);
}

const opened = ({ first, second }: TwoCaches) =>
  [first, second].map((cache) => new Results({ cache, metrics: new Metrics(), clock: systemClock })) as [
    Results,
    Results,
  ];

const plain = async (results: Results, answer: string, more: Partial<typeof ORDERS> = {}) => {
  const result = await results.get({ ...ORDERS, ...more, make: async () => pieces(answer) });
  return 'bytes' in result ? result.bytes.toString() : assert.fail('it is small enough to keep');
};

/** What `Results` promises over every kind of cache, between the two processes that share it. */
export function resultsCases(name: string, open: () => Promise<TwoCaches>): void {
  const twice = async (act: (first: Results, second: Results) => Promise<void>) => {
    const caches = await open();
    const [first, second] = opened(caches);
    try {
      await act(first, second);
    } finally {
      for (const results of [first, second]) results.close();
      await Promise.all([caches.first.close(), caches.second.close()]);
    }
  };

  describe(`results over ${name}`, { timeout: 60_000 }, () => {
    test('are given to both while nothing changes, and to neither after a change', () =>
      twice(async (first, second) => {
        assert.equal(await plain(first, 'old'), 'old');
        assert.equal(await plain(second, 'not made'), 'old');
        await second.changed(['customers']);
        assert.equal(await plain(first, 'not made'), 'old');
        await second.changed(['orders', 'customers']);
        assert.equal(await plain(first, 'new'), 'new');
        assert.equal(await plain(second, 'not made'), 'new');
      }));

    test('that read several datasets are dropped with each of them', () =>
      twice(async (first, second) => {
        const both = { datasets: ['orders', 'customers'] };
        for (const [n, dataset] of ['orders', 'customers'].entries()) {
          assert.equal(await plain(first, `made ${n}`, both), `made ${n}`);
          assert.equal(await plain(second, 'not made', both), `made ${n}`);
          await first.changed([dataset]);
        }
        assert.equal(await plain(second, 'made again', both), 'made again');
      }));

    test('made before a change and kept after it are given to nobody who asks then', () =>
      twice(async (first, second) => {
        const reading = Promise.withResolvers<void>();
        const begun = Promise.withResolvers<void>();
        const slow = first.get({
          ...ORDERS,
          make: async () => {
            begun.resolve();
            await reading.promise;
            return pieces('old rows');
          },
        });
        await begun.promise;
        await second.changed(['orders']);
        // Neither waits for the query that began before the change.
        assert.equal(await plain(second, 'new rows'), 'new rows');
        assert.equal(await plain(first, 'new rows'), 'new rows');
        reading.resolve();
        assert.ok('bytes' in (await slow));
        assert.equal(await plain(second, 'new rows again'), 'new rows again');
      }));

    test('are made once for all who ask a process at the same time, and a failure is told to all and not kept', () =>
      twice(async (first) => {
        let made = 0;
        const make = async () => {
          made += 1;
          if (made > 1) throw new Error('no');
          return pieces('once');
        };
        await Promise.all(Array.from({ length: 50 }, () => first.get({ ...ORDERS, make })));
        assert.equal(made, 1);
        const other = { ...ORDERS, key: 'other', make };
        await assert.rejects(Promise.all([first.get(other), first.get(other)]), /no/);
        assert.equal(made, 2);
        assert.equal(await plain(first, 'well', { key: 'other' }), 'well');
      }));
  });
}
