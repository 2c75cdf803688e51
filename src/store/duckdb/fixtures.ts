import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { batchOf, FLIGHTS } from '../conformance/fixtures.ts';
import type { UnitBatch } from '../driver.ts';
import { DuckdbStoreDriver } from './driver.ts';

/** A folder that lasts as long as the body. */
export async function inFolder(body: (dataDir: string) => Promise<void>): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'azud-duckdb-'));
  try {
    await body(dataDir);
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

export interface OpenedStore {
  readonly driver: DuckdbStoreDriver;
  /** What the recovery did, in order. */
  readonly steps: readonly string[];
  readonly fatal: readonly string[];
}

/** Units are prepared wherever they can be. */
export const FREE = { look: () => {}, areFree: () => true };

/** A small store of flights; `checkpoint_threshold` large enough that nothing is folded in unless asked. */
export async function openStore(dataDir: string): Promise<OpenedStore> {
  const steps: string[] = [];
  const fatal: string[] = [];
  const driver = new DuckdbStoreDriver(
    { kind: 'duckdb', threads: 1, memory_limit: '512MB' },
    { dataDir, onFatal: (error) => fatal.push(error.message), freeCores: FREE },
  );
  await driver.open([FLIGHTS], { allowDestructive: false, onStep: (step) => steps.push(step) });
  return { driver, steps, fatal };
}

/** The n-th unit: always the same two events with client ids, at offset n. Written twice it would be counted twice. */
export function unitAt(offset: number): UnitBatch {
  const events = [{ flight_id: `a${offset}`, delay: offset }, { flight_id: `b${offset}` }];
  return { batch: batchOf(FLIGHTS, events), position: { stream: 'test', offset }, dead: new Map() };
}

/** 40,000 events with text that does not compress away: several blocks of the file. */
export function largeUnitAt(offset: number): UnitBatch {
  const events = Array.from({ length: 40_000 }, (_, i) => ({
    flight_id: createHash('sha256').update(`${offset} ${i}`).digest('base64'),
    delay: i,
  }));
  return { batch: batchOf(FLIGHTS, events), position: { stream: 'test', offset }, dead: new Map() };
}

/** Events of a unit that is prepared. */
export const FULL = 122_880;

/** The n-th unit of a backlog: as many events as a unit must have to be prepared. */
export function fullUnitAt(offset: number): UnitBatch {
  const lines = Array.from({ length: FULL }, (_, i) => `{"flight_id":"${offset} ${i}","delay":${i}}\n`).join('');
  const batch = batchOf(FLIGHTS, [], { count: FULL, lines: Buffer.from(lines) });
  return { batch, position: { stream: 'test', offset }, dead: new Map() };
}

/** @param rows of a unit. Rows, distinct rows and sums must all say the offset that the store says it has reached. */
export async function offsetOf(driver: DuckdbStoreDriver, rows = 2): Promise<number> {
  const { progress, counts } = await driver.ledger();
  const offset = progress[0]?.offset ?? 0;
  const limits = { timeoutMs: 10_000, rowsMax: 10, signal: new AbortController().signal };
  const text = `SELECT count(*), count(DISTINCT flight_id), (SELECT count(*) FROM _transactions) FROM flights`;
  const stream = await driver.sql({ text, params: {} }, limits);
  for await (const [row] of stream.chunks) {
    const expected = [rows * offset, rows * offset, offset];
    if (JSON.stringify(row) !== JSON.stringify(expected)) throw new Error(`at ${offset} the tables hold ${row}`);
  }
  const stored = counts.get('flights')?.stored ?? 0;
  if (stored !== rows * offset) throw new Error(`at ${offset} the sums say ${stored}`);
  return offset;
}
