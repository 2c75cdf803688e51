import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { type Client, clientOf } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { balanceOf, type Load, postOrders } from '../support/load.ts';
import { pause } from '../support/moments.ts';
import { ORDERS_CONFIG } from '../support/orders.ts';
import { residentBytes, type System, startSystem } from '../support/system.ts';
import { databaseFiles } from './damage.ts';

export interface OutagePlan {
  /** How long analytics is away in each of the ways, s. */
  readonly seconds: number;
  /** Requests that intake answers before the outage: warm, so that what grows is what is kept. */
  readonly warmUp: number;
  readonly say: (line: string) => void;
}

export interface Outage {
  readonly way: string;
  /** Requests answered while analytics was away, all of them 2xx. */
  readonly answered: number;
  readonly growthBytes: number;
  /** From the end of the outage until nothing is in flight, s. */
  readonly drainedAfter: number;
}

/** "Memory growth under 50 MB", bytes. */
const GROWTH_BYTES_MAX = 50 * 1024 * 1024;
const SENDERS = 16;
const WATCH_MS = 200;
const DRAINED_WITHIN_MS = 300_000;

type Way = (system: System, until: number) => Promise<void>;

/** The ways in which analytics can be away for a time. Each leaves it to come back by itself. */
const WAYS: Readonly<Record<string, Way>> = {
  async stopped(system, until) {
    await system.kill('analytics', 'SIGSTOP');
    await pause(until - performance.now());
    await system.kill('analytics', 'SIGCONT');
  },
  async killed(system, until) {
    while (performance.now() < until) await endAnalytics(system);
  },
  /** Its database gone, again and again: each time all that the log holds is loaded anew. */
  async rebuilding(system, until) {
    const { main, wal } = databaseFiles(system.dataDir);
    while (performance.now() < until) {
      await endAnalytics(system);
      for (const path of [main, wal]) await rm(path, { force: true });
      await pause(Math.min(5_000, Math.max(0, until - performance.now())));
    }
  },
};

async function endAnalytics(system: System): Promise<void> {
  const children = await system.children();
  // While it starts it has no title yet.
  const pid = children.find(({ role }) => role !== 'intake')?.pid;
  if (pid === undefined) return pause(20);
  process.kill(pid, 'SIGKILL');
  return pause(100);
}

/**
 * Analytics stopped, killed and rebuilding under load, each for so long.
 * @throws AssertionError when an answer of intake is not 2xx, its memory grows above the bound, or an event is missing afterwards
 */
export async function runOutages({ seconds, warmUp, say }: OutagePlan): Promise<readonly Outage[]> {
  const system = await startSystem({ config: ORDERS_CONFIG });
  const client = clientOf(system.url);
  const outages: Outage[] = [];
  const load = postOrders(client, SENDERS);
  try {
    await eventually(() => assert.ok(taken(load) > warmUp), { timeoutMs: 300_000 });
    for (const [way, act] of Object.entries(WAYS)) {
      say(`analytics ${way} for ${seconds} s`);
      const outage = await oneOutage({ system, load, way, seconds }, act);
      const { answered, growthBytes } = outage;
      say(`  ${answered} requests answered 2xx, memory grew by ${(growthBytes / 1024 / 1024).toFixed(1)} MB`);
      outages.push(outage);
    }
    await load.stop();
    await everythingStored(client, taken(load));
    return outages;
  } finally {
    await load.stop();
    await system.stop();
  }
}

interface Scene {
  readonly system: System;
  readonly load: Load;
  readonly way: string;
  readonly seconds: number;
}

async function oneOutage({ system, load, way, seconds }: Scene, act: Way): Promise<Outage> {
  const client = clientOf(system.url);
  const intake = (await system.children()).find(({ role }) => role === 'intake');
  assert.ok(intake);
  const before = { taken: taken(load), bytes: await residentBytes(intake.pid) };
  const watch = new MemoryWatch(intake.pid);
  await act(system, performance.now() + seconds * 1_000);
  const ended = performance.now();
  const growthBytes = (await watch.stop()) - before.bytes;
  const answered = taken(load) - before.taken;
  assert.deepEqual([...load.statuses.keys()], [202], `analytics ${way}`);
  assert.ok(answered > 0);
  assert.ok(growthBytes < GROWTH_BYTES_MAX, `analytics ${way}: intake grew by ${growthBytes} bytes`);
  // Under a load that goes on something is always in flight: a second's worth is none of the backlog.
  await eventually(
    async () => {
      const { in_flight } = await balanceOf(client, 'orders');
      assert.ok(in_flight <= Math.max(1_000, answered / seconds), `${in_flight} in flight`);
    },
    { timeoutMs: DRAINED_WITHIN_MS, intervalMs: 100 },
  );
  return { way, answered, growthBytes, drainedAfter: (performance.now() - ended) / 1_000 };
}

function taken({ statuses }: Load): number {
  return statuses.get(202) ?? 0;
}

async function everythingStored(client: Client, acknowledged: number): Promise<void> {
  await eventually(
    async () => {
      const { stored, in_flight, balanced } = await balanceOf(client, 'orders');
      assert.deepEqual([stored, in_flight, balanced], [acknowledged, 0, true]);
    },
    { timeoutMs: DRAINED_WITHIN_MS, intervalMs: 100 },
  );
  assert.equal((await client.get('/v1/datasets/orders')).json.rows, acknowledged);
}

/** Looks at a process's memory until it is stopped; answers the most that it saw, bytes. */
export class MemoryWatch {
  readonly #pid: number;
  readonly #watching: Promise<void>;
  #running = true;
  #most = 0;

  constructor(pid: number) {
    this.#pid = pid;
    this.#watching = this.#watch();
  }

  async stop(): Promise<number> {
    this.#running = false;
    await this.#watching;
    return this.#most;
  }

  async #watch(): Promise<void> {
    while (this.#running) {
      this.#most = Math.max(this.#most, await residentBytes(this.#pid));
      await pause(WATCH_MS);
    }
  }
}
