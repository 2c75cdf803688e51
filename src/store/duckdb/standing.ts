import type { DuckDBConnection } from '@duckdb/node-api';
import { systemClock } from '../../lib/clock.ts';

/** Reads that go on beside a commit; those beyond them wait for it. */
const LANES = 2;
/** A lane that is not used for this long is given up, ms. */
const KEPT_MS = 10_000;
/** The first read of the head is what fixes what a transaction sees. */
const BEGIN = 'BEGIN TRANSACTION READ ONLY; SELECT "turn" FROM "_head" LIMIT 0';

export interface StandingOptions {
  readonly connect: () => Promise<DuckDBConnection>;
  /** May a transaction stay open, or is a checkpoint to come that would not be made beside it? */
  readonly mayStand: () => Promise<boolean>;
}

/** A connection whose transaction is begun anew after every write. */
interface Lane {
  connection: DuckDBConnection | null;
  state: 'closed' | 'opening' | 'ready' | 'reading';
  /** A transaction is open, or was given up by the engine and not yet ended. */
  begun: boolean;
  /** Of the writes, when its transaction began. */
  version: number;
  usedAtMs: number;
}

/**
 * Read transactions that stand open for reads to come. The engine begins none while a commit is with the disk, so a read that
 * begins its own waits for that sync: 5 to 10 ms at each unit, and a quarter of a second when the disk has a bad moment. A
 * transaction that has begun is not held up, and as long as nothing was written since it began, it sees what a new one would.
 */
export class Standing {
  readonly #options: StandingOptions;
  readonly #lanes: readonly Lane[] = Array.from({ length: LANES }, () => ({
    connection: null,
    state: 'closed',
    begun: false,
    version: 0,
    usedAtMs: 0,
  }));
  #version = 0;
  /** Nothing is opened: something is done that counts on no transaction being open, or the store closes. */
  #down = false;
  #settled: Promise<unknown> = Promise.resolve();

  constructor(options: StandingOptions) {
    this.#options = options;
  }

  /** A connection in a transaction that sees everything written so far; null when there is none now: then there is soon. */
  take(): DuckDBConnection | null {
    const usedAtMs = systemClock.monotonic();
    const ready = this.#lanes.find(({ state, version }) => state === 'ready' && version === this.#version);
    if (ready) {
      ready.state = 'reading';
      ready.usedAtMs = usedAtMs;
      return ready.connection;
    }
    const closed = this.#lanes.find(({ state }) => state === 'closed');
    if (closed) {
      closed.usedAtMs = usedAtMs;
      this.#renewLane(closed);
    }
    return null;
  }

  owns(connection: DuckDBConnection): boolean {
    return this.#lanes.some((lane) => lane.connection === connection);
  }

  /** The read is done; `failed`: the engine has given up its transaction. */
  give(connection: DuckDBConnection, { failed }: { readonly failed: boolean }): void {
    const lane = this.#lanes.find((each) => each.connection === connection);
    if (!lane) return;
    lane.state = 'ready';
    if (failed || this.#down || lane.version !== this.#version) this.#renewLane(lane);
  }

  /** The connection is lost to a read that does not end. */
  lose(connection: DuckDBConnection): void {
    for (const lane of this.#lanes.filter((each) => each.connection === connection)) {
      Object.assign(lane, { connection: null, state: 'closed', begun: false });
    }
  }

  /** Something was written, or somebody has seen what is being written: what stands is of yesterday. */
  renew(): void {
    this.#version += 1;
    for (const lane of this.#lanes.filter(({ state }) => state === 'ready')) this.#renewLane(lane);
  }

  /** Ends what stands until `up`. A read that goes on is not waited for. */
  async down(): Promise<void> {
    this.#down = true;
    this.renew();
    await this.#settled;
  }

  up(): void {
    this.#down = false;
    for (const lane of this.#lanes.filter((each) => each.state === 'closed' && this.#isWanted(each))) {
      this.#renewLane(lane);
    }
  }

  async close(): Promise<void> {
    await this.down();
    for (const { connection, state } of this.#lanes) if (state === 'closed') connection?.closeSync();
  }

  #isWanted({ usedAtMs, connection }: Lane): boolean {
    return connection !== null && systemClock.monotonic() - usedAtMs < KEPT_MS;
  }

  #renewLane(lane: Lane): void {
    lane.state = 'opening';
    const before = this.#settled;
    this.#settled = this.#open(lane).then(() => before);
  }

  async #open(lane: Lane): Promise<void> {
    try {
      lane.connection ??= await this.#options.connect();
      await end(lane);
      // What may change while it is awaited is asked after it.
      while ((await this.#options.mayStand()) && !this.#down && this.#isWanted(lane)) {
        lane.version = this.#version;
        lane.begun = true;
        await lane.connection.run(BEGIN);
        if (lane.version === this.#version) {
          lane.state = 'ready';
          return;
        }
        await end(lane);
      }
    } catch {
      // A read that finds no lane begins a transaction of its own, and says what is the matter.
      await end(lane);
    }
    lane.state = 'closed';
  }
}

/** Fails where the engine has ended it itself. */
async function end(lane: Lane): Promise<void> {
  if (!lane.begun) return;
  lane.begun = false;
  await lane.connection?.run('ROLLBACK').catch(() => {});
}
