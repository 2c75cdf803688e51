import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Backlog, Progress } from '../broker/driver.ts';
import { AzudError } from '../error/azud-error.ts';
import { Conservation } from './conservation.ts';

/** A log of 10 events of which the first `removed` are gone; asked from before them it counts from their end, or refuses. */
function logOf(removed: number, refuses: boolean) {
  return async (after: Progress): Promise<Backlog> => {
    const offset = after[0]?.offset ?? 0;
    if (offset < removed && refuses) throw new AzudError('log-behind', 'what lay between was removed');
    const queued = 10 - Math.max(offset, removed);
    const end = [{ stream: 's', offset: 10 }];
    return {
      messages: queued,
      bytes: 0,
      oldestTime: null,
      queued: new Map([['a', queued]]),
      accepted: new Map([['a', 10]]),
      end,
    };
  };
}

/** A store that has as many events as it has been looked at, times five. */
function busyStore() {
  let stored = 0;
  return {
    async ledger() {
      const now = stored;
      stored = Math.min(10, stored + 5);
      const counts = { accepted: now, stored: now, duplicate: 0, dead: 0 };
      return {
        progress: now === 0 ? [] : [{ stream: 's', offset: now }],
        counts: new Map([['a', counts]]),
        carried: new Map(),
      };
    },
  };
}

describe('the conservation report', () => {
  for (const refuses of [false, true]) {
    test(`looks again when the broker has let go meanwhile of what it asks for${refuses ? ', and says so' : ''}`, async () => {
      const conservation = new Conservation({
        store: busyStore(),
        broker: { backlog: logOf(5, refuses) },
        datasets: new Map(),
      });
      const report = await conservation.report();
      assert.ok(report.balanced, JSON.stringify(report));
      assert.equal(report.datasets[0]?.stored, 10);
    });
  }

  test('says that the sums do not balance when the store stands still and they do not', async () => {
    const ledger = async () => ({ progress: [], counts: new Map(), carried: new Map() });
    const conservation = new Conservation({
      store: { ledger },
      broker: { backlog: logOf(5, false) },
      datasets: new Map(),
    });
    assert.equal((await conservation.report()).balanced, false);
    const refusing = new Conservation({ store: { ledger }, broker: { backlog: logOf(5, true) }, datasets: new Map() });
    await assert.rejects(refusing.report(), { code: 'log-behind' });
  });

  test('counts as accepted what the store has of a log before this one', async () => {
    const counts = new Map([['a', { accepted: 8, stored: 8, duplicate: 0, dead: 0 }]]);
    const ledger = async () => ({ progress: [{ stream: 's', offset: 6 }], counts, carried: new Map([['a', 2]]) });
    const broker = { backlog: logOf(5, false) };
    const report = await new Conservation({ store: { ledger }, broker, datasets: new Map() }).report();
    const sums = { dataset: 'a', accepted: 12, stored: 8, duplicate: 0, dead: 0, in_flight: 4, balanced: true };
    assert.deepEqual(report, { balanced: true, datasets: [sums] });
  });
});
