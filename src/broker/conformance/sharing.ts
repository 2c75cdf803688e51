import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../../../test/support/eventually.ts';
import { isAzudError } from '../../error/azud-error.ts';
import type { BrokerDriver, Delivery, Position } from '../driver.ts';
import { makeMessage } from './messages.ts';

const CASE_MS = 20_000;
const RECEIVE = { messagesMax: 4, bytesMax: 1024 * 1024 };

/** Two processes load from one broker into one store. */
export function sharingCases(driver: () => BrokerDriver, another: () => Promise<BrokerDriver>): void {
  test('two loaders of one store share the work, and each takes over what the other leaves', async () => {
    const store = new SharedStore();
    const published: string[] = [];
    const publish = async (count: number) => {
      const messages = Array.from({ length: count }, () => makeMessage());
      for (const result of await driver().publish(messages)) if ('error' in result) throw result.error;
      published.push(...messages.map(({ id }) => id));
    };
    const loaders: SharingLoader[] = [];
    const join = (from: BrokerDriver) => {
      const loader = new SharingLoader(from, store);
      loaders.push(loader);
      return loader;
    };
    try {
      const first = join(driver());
      const second = join(await another());
      const begun = performance.now();
      while (first.written === 0 || second.written === 0) {
        assert.ok(performance.now() - begun < CASE_MS, 'one of the two is given nothing');
        await publish(16);
        await store.holds(published);
      }
      await second.close();
      await publish(32);
      await store.holds(published);
      const third = join(await another());
      await publish(32);
      await first.close();
      await store.holds(published);
      await third.close();
      assert.equal(store.size, published.length, 'each batch is written once');
    } finally {
      await Promise.allSettled(loaders.map((loader) => loader.close()));
    }
  });
}

/** What a store with progress keeps, in memory: a batch that is covered, or known by its id, is not written again. */
class SharedStore {
  readonly #progress = new Map<string, Position>();
  readonly #written = new Map<string, Position | null>();

  get progress(): readonly Position[] {
    return [...this.#progress.values()];
  }

  get size(): number {
    return this.#written.size;
  }

  /** How many of the batches were new. */
  write(deliveries: readonly Delivery[]): number {
    let written = 0;
    for (const { message, position } of deliveries) {
      const reached = position ? (this.#progress.get(position.stream)?.offset ?? 0) : 0;
      if (position ? position.offset <= reached : this.#written.has(message.id)) continue;
      assert.ok(!this.#written.has(message.id), 'a batch lies at two positions');
      this.#written.set(message.id, position);
      if (position) this.#progress.set(position.stream, position);
      written += 1;
    }
    return written;
  }

  holds(ids: readonly string[]): Promise<void> {
    return eventually(() =>
      assert.ok(
        ids.every((id) => this.#written.has(id)),
        'every batch is delivered',
      ),
    );
  }
}

/** Gives what it receives to the store, and subscribes anew when the work is divided anew or the broker goes. */
class SharingLoader {
  /** Batches that it was the first to write. */
  written = 0;
  readonly #driver: BrokerDriver;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  constructor(driver: BrokerDriver, store: SharedStore) {
    this.#driver = driver;
    this.#running = this.#run(driver, store);
    // Met at the closing.
    this.#running.catch(() => {});
  }

  /** Ends as a process does: what it was given and has not acked is for the others. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#driver.close();
    await this.#running;
  }

  async #run(driver: BrokerDriver, store: SharedStore): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const subscription = await driver.subscribe(store.progress, 'one store');
      const signal = AbortSignal.any([this.#stop.signal, ...(subscription.moved ? [subscription.moved] : [])]);
      try {
        while (!signal.aborted) {
          const deliveries = await subscription.receive({ ...RECEIVE, signal });
          this.written += store.write(deliveries);
          await subscription.ack(deliveries);
        }
      } catch (error) {
        if (!isAzudError(error, 'not-connected')) throw error;
      } finally {
        await subscription.close();
      }
    }
  }
}
