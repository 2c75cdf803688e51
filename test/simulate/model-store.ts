import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Position, Progress } from '../../src/broker/driver.ts';
import { AzudError, isAzudError, messageOf } from '../../src/error/azud-error.ts';
import { decodeBatch, encodeBatch } from '../../src/event/codec.ts';
import type { Dataset } from '../../src/event/dataset.ts';
import type { Counts } from '../../src/event/outcome.ts';
import type { Io, IoFile } from '../../src/lib/io.ts';
import type {
  DeadReason,
  Ledger,
  OpenOptions,
  RowStream,
  RowsLimits,
  RowsQuery,
  StoreDriver,
  TableFacts,
  UnitBatch,
  WriteUnit,
} from '../../src/store/driver.ts';
import { MemoryData, MemoryStoreDriver } from '../../src/store/memory/driver.ts';
import { linesOf } from '../../src/store/settle.ts';

export interface ModelStoreOptions {
  readonly io: Io;
  readonly folder: string;
  /** Told of every batch that is about to be written, by its place. */
  readonly onBatch: (batchId: string, position: Position | null) => void;
}

/** An event of this kind is refused by itself; a cursed one only when it is written. */
export const POISON = '"poison"';
export const CURSED = '"cursed"';

/**
 * A store that is durable as a database is: each unit is one record of a journal, synced before it is answered, so rows
 * and progress are there together or not at all. What the journal holds is the memory driver's, made anew at each start.
 */
export class ModelStore implements StoreDriver {
  readonly #options: ModelStoreOptions;
  readonly #journal: string;
  readonly #snapshot: string;
  #memory = new MemoryStoreDriver(new MemoryData());
  #file: IoFile | null = null;
  #bytes = 0;
  #failed: AzudError | null = null;

  constructor(options: ModelStoreOptions) {
    this.#options = options;
    this.#journal = join(options.folder, 'journal');
    this.#snapshot = join(options.folder, 'snapshot');
  }

  get capabilities() {
    return this.#memory.capabilities;
  }

  async open(datasets: readonly Dataset[], options: OpenOptions): Promise<void> {
    await this.#guarded('opening', async () => {
      const journal = await this.#read(this.#journal);
      const snapshot = await this.#read(this.#snapshot);
      // A journal that lost more than the snapshot holds is set aside, as the ladder of a real store does.
      const kept = offsetOf(journal) >= offsetOf(snapshot) ? journal : snapshot;
      await this.#memory.open(datasets, options);
      for (const record of kept) {
        const { joined, batches } = decode(record);
        if (joined) await this.#memory.join(joined.progress, new Map(joined.carried));
        else await this.#memory.write({ batches });
      }
      const whole = Buffer.concat(kept);
      this.#file = await this.#replace(this.#journal, whole);
      this.#bytes = whole.length;
    });
  }

  async write(unit: WriteUnit): Promise<readonly (Counts | null)[]> {
    for (const { batch, dead, position } of unit.batches) {
      refuse(batch.lines, dead, [POISON, CURSED]);
      this.#options.onBatch(batch.id, position);
    }
    await this.#append(encodeUnit(unit));
    return this.#memory.write(unit);
  }

  async probe(dataset: Dataset, lines: Buffer): Promise<void> {
    refuse(lines, new Map(), [POISON]);
    return this.#memory.probe(dataset, lines);
  }

  async snapshot(): Promise<Progress> {
    const progress = await this.progress();
    await this.#guarded('copying', async () => {
      const copy = Buffer.from((await this.#options.io.readFile(this.#journal)) ?? []);
      const file = await this.#replace(this.#snapshot, copy.subarray(0, this.#bytes));
      await file.close();
    });
    return progress;
  }

  async lastSnapshot(): Promise<Progress> {
    const records = await this.#guarded('reading the copy of', () => this.#read(this.#snapshot));
    return progressOf(records.at(-1));
  }

  async join(progress: Progress, carried: Ledger['carried']): Promise<void> {
    await this.#append(recordOf({ joined: { progress, carried: [...carried] } }));
    await this.#memory.join(progress, carried);
  }

  progress = (): Promise<Progress> => this.#memory.progress();
  ledger = (): Promise<Ledger> => this.#memory.ledger();
  describe = (dataset: string): Promise<TableFacts> => this.#memory.describe(dataset);
  sweep = (now: number): Promise<void> => this.#memory.sweep(now);
  rows = (query: RowsQuery, limits: RowsLimits): Promise<RowStream> => this.#memory.rows(query, limits);

  async close(): Promise<void> {
    await this.#file?.close();
    await this.#memory.close();
  }

  async #append(record: Buffer): Promise<void> {
    const file = this.#file;
    if (!file) throw new AzudError('not-connected', 'the model store is not open');
    try {
      await this.#guarded('writing', () => file.write([record], this.#bytes));
    } catch (error) {
      if (isAzudError(error, 'storage-full')) await this.#guarded('cutting back', () => file.truncate(this.#bytes));
      throw error;
    }
    await this.#guarded('syncing', () => file.sync());
    this.#bytes += record.length;
  }

  /** Whole records from the beginning; a torn one ends them. */
  async #read(path: string): Promise<Buffer[]> {
    const bytes = (await this.#options.io.readFile(path)) ?? Buffer.alloc(0);
    const records: Buffer[] = [];
    for (let at = 0; at + 8 <= bytes.length; ) {
      const record = bytes.subarray(at, at + 8 + bytes.readUInt32LE(at));
      const json = record.subarray(8);
      if (json.length === 0 || json.length < bytes.readUInt32LE(at) || crc32(json) !== bytes.readUInt32LE(at + 4))
        break;
      records.push(record);
      at += record.length;
    }
    return records;
  }

  async #replace(path: string, bytes: Buffer): Promise<IoFile> {
    const { io, folder } = this.#options;
    const draft = `${path}.part`;
    if ((await io.list(folder)).includes(draft.slice(folder.length + 1))) await io.remove(draft);
    const file = await io.open(draft, 'create');
    await file.write([bytes], 0);
    await file.sync();
    await io.rename(draft, path);
    await io.syncFolder(folder);
    return file;
  }

  /** After a failure that is not "full" at a write, what is on disk is not known: only a fresh start may go on. */
  async #guarded<T>(what: string, work: () => Promise<T>): Promise<T> {
    if (this.#failed) throw this.#failed;
    try {
      return await work();
    } catch (error) {
      if (isAzudError(error)) throw error;
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOSPC' && what !== 'syncing') throw new AzudError('storage-full', `${what} the model store: full`);
      this.#failed = new AzudError('io-failed', `${what} the model store: ${messageOf(error)}`, { cause: error });
      throw this.#failed;
    }
  }
}

function refuse(lines: Buffer, dead: ReadonlyMap<number, DeadReason>, kinds: readonly string[]): void {
  if (!kinds.some((kind) => lines.includes(kind))) return;
  const bad = linesOf(lines).findIndex((line, n) => !dead.has(n) && kinds.some((kind) => line.includes(kind)));
  if (bad >= 0) throw new AzudError('bad-row', '/kind cannot be kept', { path: '/kind' });
}

function encodeUnit({ batches }: WriteUnit): Buffer {
  return recordOf({
    batches: batches.map(({ batch, position, dead }) => {
      const { payload, ...message } = encodeBatch(batch);
      return { ...message, payload: payload.toString('base64'), position, dead: [...dead] };
    }),
  });
}

/** Bytes: length of the JSON u32, its crc32 u32, JSON. */
function recordOf(content: EncodedRecord): Buffer {
  const json = Buffer.from(JSON.stringify(content));
  const head = Buffer.alloc(8);
  head.writeUInt32LE(json.length, 0);
  head.writeUInt32LE(crc32(json), 4);
  return Buffer.concat([head, json]);
}

interface EncodedBatch {
  readonly id: string;
  readonly dataset: string;
  readonly transactionId: string;
  readonly events: number;
  readonly time: number;
  readonly payload: string;
  readonly position: Position | null;
  readonly dead: readonly (readonly [number, DeadReason])[];
}

/** A unit, or a progress that was put in the place of the one before. */
interface EncodedRecord {
  readonly joined?: { readonly progress: Progress; readonly carried: readonly (readonly [string, number])[] };
  readonly batches?: readonly EncodedBatch[];
}

function decode(record: Buffer): Pick<EncodedRecord, 'joined'> & { readonly batches: readonly UnitBatch[] } {
  const { batches = [], ...rest } = JSON.parse(record.toString('utf8', 8)) as EncodedRecord;
  const decoded = batches.map(({ position, dead, payload, ...message }) => ({
    batch: decodeBatch({ ...message, payload: Buffer.from(payload, 'base64') }),
    position,
    dead: new Map(dead),
  }));
  return { ...rest, batches: decoded };
}

function progressOf(record: Buffer | undefined): Progress {
  if (!record) return [];
  const { joined, batches } = decode(record);
  const position = batches.at(-1)?.position;
  return joined?.progress ?? (position ? [position] : []);
}

function offsetOf(records: readonly Buffer[]): number {
  return progressOf(records.at(-1))[0]?.offset ?? 0;
}
