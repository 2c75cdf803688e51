import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeMessage } from '../../src/broker/conformance/messages.ts';
import type { BrokerDriver } from '../../src/broker/driver.ts';
import { createLogDriver } from '../../src/broker/log/driver.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { Io, IoFile } from '../../src/lib/io.ts';
import { nodeIo } from '../../src/lib/node-io.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import { below, type Case, type Figure, mb, ms, perSecond, shape } from '../case.ts';

const SETTINGS = { segment_bytes: 64 * 1024 * 1024, retention: 7 * 86_400_000, retention_bytes: 100e9 };
const LARGE_BYTES = 220_000;

const syncMs: number[] = [];

/** The real disk with a stop-watch on fdatasync. */
const timedIo: Io = { ...nodeIo, open: async (path, mode) => timed(await nodeIo.open(path, mode)) };

function timed(file: IoFile): IoFile {
  return {
    write: (buffers, position) => file.write(buffers, position),
    read: (buffer, position) => file.read(buffer, position),
    sync: async () => {
      const begun = performance.now();
      await file.sync();
      syncMs.push(performance.now() - begun);
    },
    truncate: (bytes) => file.truncate(bytes),
    size: () => file.size(),
    close: () => file.close(),
  };
}

function quantile(values: readonly number[], q: number): number {
  return [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * q)] ?? Number.NaN;
}

async function open(dataDir: string): Promise<BrokerDriver> {
  const onFatal = (error: Error) => {
    throw error;
  };
  const context = { role: 'owner' as const, dataDir, io: timedIo, clock: systemClock, log: silentLog, onFatal };
  const driver = createLogDriver(SETTINGS, context);
  await driver.open();
  return driver;
}

interface Load {
  readonly publishers: number;
  readonly seconds: number;
  readonly textBytes: number;
}

/** Each publisher waits for its answer before it sends the next message. */
async function publish(driver: BrokerDriver, { publishers, seconds, textBytes }: Load): Promise<Figure> {
  syncMs.length = 0;
  const message = makeMessage({ textBytes });
  const begun = performance.now();
  const cpu = process.cpuUsage();
  const end = begun + seconds * 1_000;
  let published = 0;
  const publisher = async () => {
    for (; performance.now() < end; published += 1) {
      const [result] = await driver.publish([message]);
      if (result && 'error' in result) throw result.error;
    }
  };
  await Promise.all(Array.from({ length: publishers }, publisher));
  const elapsed = (performance.now() - begun) / 1_000;
  const { user, system } = process.cpuUsage(cpu);
  const rate = perSecond(published / elapsed, 'publishes');
  const bytes = mb((published * message.payload.length) / elapsed);
  const cpuUs = ((user + system) / published).toFixed(1);
  const group = (published / syncMs.length).toFixed(1);
  return shape(
    `log: ${publishers} publishers of ${message.payload.length} bytes, durable`,
    `${rate}, ${bytes}/s, ${cpuUs} µs CPU each`,
    `${group} a sync; fdatasync p50 ${ms(quantile(syncMs, 0.5))}, p99 ${ms(quantile(syncMs, 0.99))}`,
  );
}

async function fill(driver: BrokerDriver, bytes: number): Promise<void> {
  const message = makeMessage({ textBytes: LARGE_BYTES });
  for (let written = 0; written < bytes; written += message.payload.length * 32) {
    await driver.publish(Array.from({ length: 32 }, () => message));
  }
}

async function read(driver: BrokerDriver): Promise<Figure> {
  const { messages } = await driver.backlog([]);
  const subscription = await driver.subscribe([]);
  const { signal } = new AbortController();
  const begun = performance.now();
  let bytes = 0;
  for (let count = 0; count < Number(messages); ) {
    const deliveries = await subscription.receive({ messagesMax: 50_000, bytesMax: 16e6, signal });
    count += deliveries.length;
    for (const { message } of deliveries) bytes += message.payload.length;
  }
  const elapsed = (performance.now() - begun) / 1_000;
  await subscription.close();
  return shape('log: reading from the beginning, checksums verified', `${mb(bytes / elapsed)}/s`);
}

export const log: Case = {
  name: 'log',
  about: 'the embedded log by itself: group commit, large batches, reading, opening',
  async run({ quick }) {
    const folder = await mkdtemp(join(tmpdir(), 'azud-bench-log-'));
    const seconds = quick ? 0.5 : 5;
    try {
      const driver = await open(folder);
      const figures = [
        await publish(driver, { publishers: 1, seconds, textBytes: 220 }),
        await publish(driver, { publishers: 64, seconds, textBytes: 220 }),
        await publish(driver, { publishers: 8, seconds, textBytes: LARGE_BYTES }),
        await read(driver),
      ];
      await fill(driver, quick ? 1e8 : 2e9);
      await driver.close();
      return [...figures, await opening(folder)];
    } finally {
      await rm(folder, { recursive: true });
    }
  },
};

async function opening(folder: string): Promise<Figure> {
  const begun = performance.now();
  const driver = await open(folder);
  const took = performance.now() - begun;
  const { bytes } = await driver.backlog([]);
  await driver.close();
  return below(`log: opening it with ${mb(bytes)}`, took, { limit: 2_000, words: ms });
}
