import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAzudError } from '../../error/azud-error.ts';
import type { Message } from '../../event/batch.ts';
import { systemClock } from '../../lib/clock.ts';
import { silentLog } from '../../telemetry/log.ts';
import { Metrics } from '../../telemetry/metrics.ts';
import { Broker } from '../broker.ts';
import type { BrokerDriver, Delivery, Progress, Subscription } from '../driver.ts';
import { applyTopology, planTopology } from '../topology.ts';
import { makeMessage } from './messages.ts';

/** What a harness can do to the server behind a driver. Each that is there adds its cases. */
export interface BrokerFaults {
  /** Kills the server without warning and starts it again on the same data and address. */
  crash?(): Promise<void>;
  /** Breaks every connection, with what is on its way; new ones are taken. */
  cut?(): Promise<void> | void;
  /** Takes away the topic, queue or stream under the open driver. */
  removeTopic?(): Promise<void>;
}

/** A driver that hangs fails its case, not the run. */
const CASE_MS = 20_000;
/** A server that was killed may need most of it to come back. */
const CRASH_MS = 90_000;
const RECEIVE = { messagesMax: 100, bytesMax: 1024 * 1024 };
const RETRY = { firstMs: 20, maxMs: 200, attemptsMax: CRASH_MS / 200 };

/** A broker behind a network fails; each case says what must hold then. */
export function faultCases(driver: () => BrokerDriver, faults: BrokerFaults): void {
  const { crash, cut, removeTopic } = faults;
  if (crash) losesNothing('the server is killed', driver, crash);
  if (cut) {
    losesNothing('every connection breaks', driver, async () => cut());
    redelivery(driver, cut);
  }
  if (removeTopic) missingTopic(driver, removeTopic);
  test('an ack given twice does no harm', async () => {
    const subscription = await driver().subscribe([]);
    await publishAll(driver(), [makeMessage(), makeMessage()]);
    const deliveries = await receive(subscription, 2);
    await subscription.ack(deliveries);
    await subscription.ack(deliveries);
    const later = makeMessage();
    await publishAll(driver(), [later]);
    assert.deepEqual(ids(await receive(subscription, 1)), [later.id]);
    await subscription.close();
  });
}

type Case = (driver: () => BrokerDriver, fault: () => Promise<void>) => Promise<void>;

/** Publishes and receives through the portable broker, as intake and loader do, while the fault happens. */
const underWay: Case = async (driver, fault) => {
  const broker = new Broker({
    driver: driver(),
    metrics: new Metrics(),
    log: silentLog,
    clock: systemClock,
    retry: RETRY,
  });
  const messages = Array.from({ length: 60 }, (_, n) => makeMessage({ dataset: `d${n % 3}` }));
  const loader = new FakeLoader(broker);
  const acknowledged: string[] = [];
  const publish = async (from: number) => {
    for (let n = from; n < messages.length; n += 4) {
      const message = messages[n] as Message;
      const [result] = await broker.publish([message]);
      if (result && 'position' in result) acknowledged.push(message.id);
      if (n === 20) await fault();
    }
  };
  const receiving = loader.run();
  await Promise.all([0, 1, 2, 3].map(publish));
  await loader.until(() => acknowledged.every((id) => loader.stored.has(id)));
  await receiving;
  assert.deepEqual(
    acknowledged.filter((id) => !loader.stored.has(id)),
    [],
    'was acknowledged and never came',
  );
  assert.ok(acknowledged.length > 40, `${acknowledged.length} of 60 were acknowledged although the server came back`);
  assert.equal(loader.twice, 0, 'a batch lies at two positions');
};

function losesNothing(when: string, driver: () => BrokerDriver, fault: () => Promise<void>): void {
  test(`loses nothing acknowledged when ${when} in the middle, and goes on`, () => underWay(driver, fault));
}

function redelivery(driver: () => BrokerDriver, cut: () => Promise<void> | void): void {
  test('gives again what was not acked when the connection broke', async () => {
    const messages = [makeMessage(), makeMessage(), makeMessage()];
    await publishAll(driver(), messages);
    const broken = await driver().subscribe([]);
    await receive(broken, 3);
    await cut();
    await assert.rejects(receive(broken, 1), (error) => isAzudError(error, 'not-connected'));
    await broken.close();
    const again = await receive(await driver().subscribe([]), 3);
    assert.deepEqual(ids(again).sort(), messages.map(({ id }) => id).sort());
  });
}

function missingTopic(driver: () => BrokerDriver, removeTopic: () => Promise<void>): void {
  test('says what is missing when its topic is gone', async () => {
    await publishAll(driver(), [makeMessage()]);
    await removeTopic();
    const [result] = await driver().publish([makeMessage()]);
    assert.ok(result && 'error' in result && result.error.code === 'topic-missing', JSON.stringify(result));
    await assert.rejects(driver().subscribe([]), (error) => isAzudError(error, 'topic-missing'));
  });

  test('shows what its server lacks, makes that once, and works with it', async () => {
    const states = async () => new Set((await planTopology(driver())).map(({ state }) => state));
    assert.deepEqual(await states(), new Set(['exists']));
    await removeTopic();
    assert.ok((await states()).has('missing'));
    const { made, parts } = await applyTopology(driver());
    assert.ok(made.length > 0);
    assert.ok(parts.every(({ state }) => state === 'exists'));
    assert.deepEqual((await applyTopology(driver())).made, []);
    await publishAll(driver(), [makeMessage()]);
  });
}

/** What the loader does with deliveries, in memory: keeps progress, forgets repetitions, subscribes anew. */
class FakeLoader {
  readonly stored = new Map<string, number | null>();
  twice = 0;
  readonly #broker: Broker;
  readonly #stop = new AbortController();
  #done: () => boolean = () => false;
  #progress: Progress = [];

  constructor(broker: Broker) {
    this.#broker = broker;
  }

  async run(): Promise<void> {
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(CRASH_MS)]);
    while (!signal.aborted) {
      try {
        const subscription = await this.#broker.subscribe(this.#progress);
        await this.#session(subscription, signal).finally(() => subscription.close());
      } catch (error) {
        if (!isAzudError(error, 'not-connected') && !isAzudError(error, 'unavailable')) throw error;
      }
    }
  }

  /** Stops the loader when the condition holds. */
  async until(done: () => boolean): Promise<void> {
    this.#done = done;
    if (done()) this.#stop.abort();
  }

  async #session(subscription: Subscription, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const deliveries = await subscription.receive({ ...RECEIVE, signal });
      for (const delivery of deliveries) this.#store(delivery);
      await subscription.ack(deliveries);
      if (this.#done()) this.#stop.abort();
    }
  }

  #store({ message, position }: Delivery): void {
    const before = this.stored.get(message.id);
    if (position && before !== undefined && before !== position.offset) this.twice += 1;
    this.stored.set(message.id, position?.offset ?? null);
    if (position) this.#progress = [...this.#progress.filter(({ stream }) => stream !== position.stream), position];
  }
}

async function publishAll(driver: BrokerDriver, messages: readonly Message[]): Promise<void> {
  for (const result of await driver.publish(messages)) if ('error' in result) throw result.error;
}

async function receive(subscription: Subscription, count: number): Promise<readonly Delivery[]> {
  const deliveries: Delivery[] = [];
  const signal = AbortSignal.timeout(CASE_MS);
  while (deliveries.length < count && !signal.aborted) {
    deliveries.push(...(await subscription.receive({ ...RECEIVE, signal })));
  }
  assert.equal(deliveries.length, count, 'every delivery arrives, and none twice');
  return deliveries;
}

function ids(deliveries: readonly Delivery[]): string[] {
  return deliveries.map(({ message }) => message.id);
}
