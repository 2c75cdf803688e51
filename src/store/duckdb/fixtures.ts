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

/** A small store of flights; `checkpoint_threshold` large enough that nothing is folded in unless asked. */
export async function openStore(dataDir: string): Promise<OpenedStore> {
  const steps: string[] = [];
  const fatal: string[] = [];
  const driver = new DuckdbStoreDriver(
    { kind: 'duckdb', threads: 1, memory_limit: '512MB' },
    { dataDir, onFatal: (error) => fatal.push(error.message) },
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

/** Rows, distinct rows and sums must all say the offset that the store says it has reached. */
export async function offsetOf(driver: DuckdbStoreDriver): Promise<number> {
  const { progress, counts } = await driver.ledger();
  const offset = progress[0]?.offset ?? 0;
  const limits = { timeoutMs: 10_000, rowsMax: 10, signal: new AbortController().signal };
  const text = `SELECT count(*), count(DISTINCT flight_id), (SELECT count(*) FROM _transactions) FROM flights`;
  const stream = await driver.sql({ text, params: {} }, limits);
  for await (const [row] of stream.chunks) {
    const expected = [2 * offset, 2 * offset, offset];
    if (JSON.stringify(row) !== JSON.stringify(expected)) throw new Error(`at ${offset} the tables hold ${row}`);
  }
  const stored = counts.get('flights')?.stored ?? 0;
  if (stored !== 2 * offset) throw new Error(`at ${offset} the sums say ${stored}`);
  return offset;
}
