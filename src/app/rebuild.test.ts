import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../../test/support/eventually.ts';
import type { Backlog, Progress } from '../broker/driver.ts';
import { AzudError } from '../error/azud-error.ts';
import { systemClock } from '../lib/clock.ts';
import { silentLog } from '../telemetry/log.ts';
import { Rebuild } from './rebuild.ts';

const NOTHING = { bytes: 0, oldestTime: null, queued: new Map(), accepted: null };

/** A log of so many batches and a store that has come so far; a look happens when the test lets it. */
function setUp({ end = 100, progress = 0, rebuilding = true, positions = true, away = false }) {
  const state = { end, progress, rebuilding, away };
  const at = (offset: number): Progress => (offset === 0 ? [] : [{ stream: 's', offset }]);
  let tick = () => {};
  const options = {
    store: {
      get rebuilding() {
        return state.rebuilding;
      },
      async rebuilt() {
        state.rebuilding = false;
      },
      progress: async () => at(state.progress),
    },
    broker: {
      capabilities: { positions },
      backlog: async (after: Progress): Promise<Backlog> => {
        if (state.away) throw new AzudError('not-connected', 'the broker is away');
        return { ...NOTHING, messages: state.end - (after[0]?.offset ?? 0), end: at(state.end) };
      },
    },
    clock: {
      ...systemClock,
      sleep: () =>
        new Promise<void>((resolve) => {
          tick = resolve;
        }),
    },
    log: silentLog,
  };
  return { state, options, look: () => tick() };
}

const stopped = () => new AbortController().signal;

test('until the store has what the log held at the opening it says how much of it it has', async () => {
  const { state, options, look } = setUp({ end: 80_000, progress: 0 });
  const rebuild = await Rebuild.begin(options);
  assert.equal(rebuild.step, 'reading the log again: 0 of 80,000 batches (0%)');
  const running = rebuild.run(stopped());
  state.progress = 12_000;
  state.end = 90_000;
  look();
  await eventually(() => assert.equal(rebuild.step, 'reading the log again: 12,000 of 80,000 batches (15%)'));
  state.progress = 79_999;
  look();
  await eventually(() => assert.equal(rebuild.step, 'reading the log again: 79,999 of 80,000 batches (99%)'));
  assert.equal(state.rebuilding, true);
  state.progress = 80_000;
  look();
  await running;
  assert.equal(rebuild.step, null, 'what came since is an ordinary backlog');
  assert.equal(state.rebuilding, false);
});

test('nothing is waited for at an ordinary start, with an empty log, or from a broker that gives nothing twice', async () => {
  const ordinary = setUp({ rebuilding: false });
  assert.equal((await Rebuild.begin(ordinary.options)).step, null);
  for (const { state, options } of [setUp({ end: 0 }), setUp({ positions: false })]) {
    assert.equal((await Rebuild.begin(options)).step, null);
    assert.equal(state.rebuilding, false, 'the next start is an ordinary one');
  }
});

test('a broker that is away is asked again, and until then nothing is taken for whole', async () => {
  const { state, options, look } = setUp({ away: true });
  const rebuild = await Rebuild.begin(options);
  assert.equal(rebuild.step, 'reading the log again: the broker is away');
  const running = rebuild.run(stopped());
  state.away = false;
  look();
  await eventually(() => assert.equal(rebuild.step, 'reading the log again: 0 of 100 batches (0%)'));
  state.progress = 100;
  look();
  await running;
  assert.equal(rebuild.step, null);
});
