import assert from 'node:assert/strict';
import { makeMessage } from '../../src/broker/conformance/messages.ts';
import type { BrokerDriver, Delivery, PublishResult } from '../../src/broker/driver.ts';
import { LogOwner, type LogOwnerOptions } from '../../src/broker/log/owner.ts';
import type { Message } from '../../src/event/batch.ts';
import { type Clock, systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import type { SimulatedDisk } from './simulated-disk.ts';

export const LOG_FOLDER = '/data/log';

/** A log on a simulated disk, by itself in its process. */
export function simulatedOwner(disk: SimulatedDisk, options: Partial<LogOwnerOptions> = {}): LogOwner {
  return new LogOwner({
    dataDir: '/data',
    io: disk,
    clock: systemClock,
    log: silentLog,
    onFatal: () => undefined,
    segmentBytesMax: 1e9,
    retentionMs: 0,
    retentionBytes: 0,
    ...options,
    limits: {
      reserveBytes: 0,
      diskUsedRatioMax: 1,
      fullDiskProbeMs: 1,
      lockPatienceMs: 0,
      shared: false,
      ...options.limits,
    },
  });
}

/** The system clock whose sleeps end as soon as the event loop turns. */
export const hastyClock: Clock = {
  ...systemClock,
  sleep: (_ms, signal) => systemClock.sleep(0, signal),
};

/** A clock for a client that tries again at once; its patience stays as it is. */
export const eagerClock: Clock = {
  ...systemClock,
  sleep: (ms, signal) => systemClock.sleep(ms > 1_000 ? ms : 1, signal),
};

/** Publishes so many messages, one after the other: each is a group commit of its own. */
export async function publishEach(driver: BrokerDriver, count: number): Promise<Message[]> {
  const messages = Array.from({ length: count }, () => makeMessage());
  for (const message of messages) assert.deepEqual(codesOf(await driver.publish([message])), ['ok']);
  return messages;
}

/** Everything the log holds. */
export async function readAll(driver: BrokerDriver): Promise<Delivery[]> {
  const { messages } = await driver.backlog([]);
  const subscription = await driver.subscribe([]);
  const deliveries: Delivery[] = [];
  const { signal } = new AbortController();
  while (deliveries.length < Number(messages)) {
    deliveries.push(...(await subscription.receive({ messagesMax: 1_000, bytesMax: 1e9, signal })));
  }
  await subscription.close();
  return deliveries;
}

export function idsOf(deliveries: readonly { readonly message: Message }[]): string[] {
  return deliveries.map(({ message }) => message.id);
}

export function codesOf(results: readonly PublishResult[]): string[] {
  return results.map((result) => ('error' in result ? result.error.code : 'ok'));
}

/** No process survives a power cut, but the one that runs the test: what it held is let go. */
export async function releaseLocks(disk: SimulatedDisk): Promise<void> {
  const names = await disk.list(LOG_FOLDER);
  for (const name of names.filter((each) => each.startsWith('lock.'))) await disk.remove(`${LOG_FOLDER}/${name}`);
}
