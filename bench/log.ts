import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeMessage } from '../src/broker/conformance/messages.ts';
import type { BrokerDriver } from '../src/broker/driver.ts';
import { createLogDriver } from '../src/broker/log/driver.ts';
import { systemClock } from '../src/lib/clock.ts';
import type { Io, IoFile } from '../src/lib/io.ts';
import { nodeIo } from '../src/lib/node-io.ts';
import { silentLog } from '../src/telemetry/log.ts';

/** Figures of the embedded log on this machine: `node bench/log.ts`. One line of JSON a measurement. */

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

function report(name: string, figures: Record<string, number>): void {
  const rounded = Object.entries(figures).map(([key, value]) => [key, Number(value.toPrecision(4))]);
  process.stdout.write(`${JSON.stringify({ name, ...Object.fromEntries(rounded) })}\n`);
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
async function publish(driver: BrokerDriver, name: string, { publishers, seconds, textBytes }: Load): Promise<void> {
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
  report(name, {
    publishes_per_s: published / elapsed,
    mb_per_s: (published * message.payload.length) / elapsed / 1e6,
    cpu_us_per_publish: (user + system) / published,
    publishes_per_sync: published / syncMs.length,
    sync_p50_ms: quantile(syncMs, 0.5),
    sync_p99_ms: quantile(syncMs, 0.99),
  });
}

async function fill(driver: BrokerDriver, bytes: number): Promise<void> {
  const message = makeMessage({ textBytes: LARGE_BYTES });
  for (let written = 0; written < bytes; written += message.payload.length * 32) {
    await driver.publish(Array.from({ length: 32 }, () => message));
  }
}

async function read(driver: BrokerDriver): Promise<void> {
  const { messages } = await driver.backlog([]);
  const subscription = await driver.subscribe([]);
  const { signal } = new AbortController();
  const begun = performance.now();
  let bytes = 0;
  for (let count = 0; count < messages; ) {
    const deliveries = await subscription.receive({ messagesMax: 50_000, bytesMax: 16e6, signal });
    count += deliveries.length;
    for (const { message } of deliveries) bytes += message.payload.length;
  }
  const elapsed = (performance.now() - begun) / 1_000;
  report('read', { mb_per_s: bytes / elapsed / 1e6, messages_per_s: messages / elapsed });
  await subscription.close();
}

const folder = await mkdtemp(join(tmpdir(), 'azud-bench-log-'));
try {
  let driver = await open(folder);
  await publish(driver, 'single events, 1 publisher', { publishers: 1, seconds: 3, textBytes: 220 });
  await publish(driver, 'single events, 64 publishers', { publishers: 64, seconds: 5, textBytes: 220 });
  await publish(driver, 'batches of 220 KB, 8 publishers', { publishers: 8, seconds: 5, textBytes: LARGE_BYTES });
  await read(driver);
  await fill(driver, 2e9);
  await driver.close();
  const begun = performance.now();
  driver = await open(folder);
  report('open', { ms: performance.now() - begun, gb: (await driver.backlog([])).bytes / 1e9 });
  await driver.close();
} finally {
  await rm(folder, { recursive: true });
}
