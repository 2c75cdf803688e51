import { dirname, join } from 'node:path';
import { AzudError, isAzudError } from '../../error/azud-error.ts';
import type { Message } from '../../event/batch.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Io } from '../../lib/io.ts';
import { LOG_LIMITS } from '../../limits.ts';
import type { Log } from '../../telemetry/log.ts';
import type { Backlog, BrokerDriver, BrokerRepair, Located, Progress, PublishResult, Subscription } from '../driver.ts';
import { LOG_CAPABILITIES } from './capabilities.ts';
import { skipDamage } from './damage.ts';
import { DiskGuard } from './disk-guard.ts';
import { DurableEnd } from './durable-end.ts';
import { ioFailed, isDiskFull, naming, notOpen } from './errors.ts';
import { Finder } from './finder.ts';
import { type Place, SegmentFolder } from './folder.ts';
import { acquireLock, type Lock } from './lock.ts';
import { LogReader, offsetOfProgress } from './reader.ts';
import { type Recovered, recover } from './recovery.ts';
import { forkOf } from './repair.ts';
import { applyRetention } from './retention.ts';
import type { Totals } from './segment.ts';
import { LogServer } from './socket-server.ts';
import { Tail } from './tail.ts';
import { skipTail } from './tail-damage.ts';
import { positionAt } from './terms.ts';
import { LogWriter } from './writer.ts';

export interface LogOwnerOptions {
  readonly dataDir: string;
  readonly io: Io;
  readonly clock: Clock;
  readonly log: Log;
  readonly onFatal: (error: Error) => void;
  readonly segmentBytesMax: number;
  readonly retentionMs: number;
  readonly retentionBytes: number;
  readonly limits?: Partial<OwnerLimits>;
}

export interface OwnerLimits {
  readonly reserveBytes: number;
  readonly diskUsedRatioMax: number;
  readonly fullDiskProbeMs: number;
  readonly lockPatienceMs: number;
  /** False: no other process is let in, e.g. where no real file system lies below. */
  readonly shared: boolean;
}

const READING = 'reading the log';

interface Opened {
  readonly lock: Lock;
  readonly end: DurableEnd;
  readonly tail: Tail;
  readonly folder: SegmentFolder;
  readonly finder: Finder;
  readonly writer: LogWriter;
  readonly server: LogServer | null;
}

/** The process that writes the log. */
export class LogOwner implements BrokerDriver {
  readonly capabilities = LOG_CAPABILITIES;
  readonly #options: LogOwnerOptions;
  readonly #limits: OwnerLimits;
  readonly #path: string;
  #opened: Opened | null = null;
  #acked = 0;
  #released = 0;
  #retaining: Promise<unknown> = Promise.resolve();
  #bytesCut = 0;

  constructor(options: LogOwnerOptions) {
    this.#options = options;
    this.#path = join(options.dataDir, 'log');
    const { reserveBytes, diskUsedRatioMax, fullDiskProbeMs } = LOG_LIMITS;
    const limits = { reserveBytes, diskUsedRatioMax, fullDiskProbeMs, lockPatienceMs: 2_000, shared: true };
    this.#limits = { ...limits, ...options.limits };
  }

  readonly repair: BrokerRepair = {
    fork: (progress, holds) => naming(READING, () => forkOf(this.#use().folder, progress, holds)),
    skip: (confirmed) =>
      naming('mending the log', () => skipDamage({ io: this.#options.io, folder: this.#use().folder, confirmed })),
    skipTail: (confirmed) =>
      naming('mending the log', async () => {
        const lock = await this.#lock();
        try {
          return await skipTail({ io: this.#options.io, folder: this.#path, confirmed });
        } finally {
          await lock.release();
        }
      }),
  };

  /** What the last opening found: bytes of unfinished writes that it cut from the end. */
  get recovered(): { readonly bytesCut: number } {
    return { bytesCut: this.#bytesCut };
  }

  async open(): Promise<void> {
    try {
      const lock = await this.#lock();
      try {
        this.#opened = await this.#start(lock);
      } catch (error) {
        await lock.release();
        throw error;
      }
    } catch (error) {
      if (isAzudError(error)) throw error;
      const what = `opening the log in ${this.#path}`;
      if (isDiskFull(error)) throw new AzudError('storage-full', `${what} failed: the disk is full`, { cause: error });
      throw ioFailed(what, error);
    }
  }

  async #lock(): Promise<Lock> {
    const { io, dataDir, clock } = this.#options;
    const folder = this.#path;
    await io.mkdir(folder);
    await io.syncFolder(dataDir);
    await io.syncFolder(dirname(dataDir));
    const acquire = () => acquireLock({ io, folder, clock, patienceMs: this.#limits.lockPatienceMs });
    try {
      return await acquire();
    } catch (error) {
      // Nobody else has the folder: only who may take it gets as far as to write.
      if (!isDiskFull(error) || !(await this.#guard().spendReserve())) throw error;
      return acquire();
    }
  }

  #guard(): DiskGuard {
    const { io, clock, log } = this.#options;
    const { reserveBytes, diskUsedRatioMax } = this.#limits;
    return new DiskGuard({ io, folder: this.#path, clock, log, reserveBytes, usedRatioMax: diskUsedRatioMax });
  }

  publish(messages: readonly Message[]): Promise<readonly PublishResult[]> {
    return this.#use().writer.publish(messages);
  }

  async subscribe(from: Progress): Promise<Subscription> {
    const { folder } = this.#use();
    const after = await naming(READING, () => offsetOfProgress(folder, from));
    // What the store has it has, whoever acked it: nobody waits for the first unit of this start to know.
    this.markAcked(after);
    return new LogReader({ folder, clock: this.#options.clock, after, onAck: (offset) => this.markAcked(offset) });
  }

  async backlog(after: Progress): Promise<Backlog> {
    const { folder, tail, end } = this.#use();
    const { offset: last } = end.current;
    const totals = tail.totals.copy();
    const { offset, before } = await naming(READING, async () => {
      const offset = await offsetOfProgress(folder, after);
      return { offset, before: offset === last ? { totals, nextTime: null } : await folder.totalsUpTo(offset) };
    });
    return {
      messages: last - offset,
      bytes: totals.payloadBytes - before.totals.payloadBytes,
      oldestTime: before.nextTime,
      queued: difference(totals, before.totals),
      accepted: totals.accepted,
      end: last === 0 ? [] : [positionAt(tail.course, last)],
    };
  }

  async find(transactionId: string): Promise<readonly Located[]> {
    const { folder } = this.#use();
    const places = await this.places(transactionId);
    return naming(READING, () => folder.read(places));
  }

  /** Where the records of a transaction lie. */
  places(transactionId: string): Promise<readonly Place[]> {
    const { finder } = this.#use();
    return naming(READING, () => finder.find(transactionId, this.#acked));
  }

  async release(upTo: Progress): Promise<void> {
    const { folder } = this.#use();
    const released = await naming(READING, () => offsetOfProgress(folder, upTo));
    this.#released = Math.max(this.#released, released);
    // One after the other: two would remove the same files.
    const retaining = this.#retaining.then(() => this.#retain(folder));
    this.#retaining = retaining.catch(() => undefined);
    await retaining;
  }

  refusal(): AzudError | null {
    return this.#opened ? this.#opened.writer.refusal : notOpen();
  }

  markAcked(offset: number): void {
    this.#acked = Math.max(this.#acked, offset);
  }

  async close(): Promise<void> {
    const opened = this.#opened;
    if (!opened) return;
    this.#opened = null;
    await naming('closing the log', async () => {
      await opened.server?.close();
      await opened.writer.close();
      await this.#retaining;
      opened.end.fail(notOpen());
      await opened.lock.release();
    });
  }

  async #start(lock: Lock): Promise<Opened> {
    const { io, clock, log, segmentBytesMax, onFatal } = this.#options;
    const { fullDiskProbeMs, shared } = this.#limits;
    const path = this.#path;
    const guard = this.#guard();
    const recovered = await this.#recover(guard);
    await guard.keepReserve();
    const end = new DurableEnd(recovered.end);
    const now = () => clock.now();
    const tail = new Tail(recovered.tail, { io, folder: path, segmentBytesMax, end, now });
    const { course } = tail;
    const folder = new SegmentFolder({ io, path, course, end, liveIndex: (first) => tail.indexOf(first) });
    const finder = new Finder(folder);
    const onDurable = finder.note.bind(finder);
    const writer = new LogWriter({ tail, end, guard, clock, log, probeMs: fullDiskProbeMs, onFatal, onDurable });
    const server = shared ? new LogServer({ folder: path, course, end, clock, service: this }) : null;
    await server?.open();
    return { lock, end, tail, folder, finder, writer, server };
  }

  /** On a full disk the reserve is spent: recovery itself needs a little room. */
  async #recover(guard: DiskGuard): Promise<Recovered> {
    const { io, clock, log } = this.#options;
    const attempt = () => recover(io, this.#path, clock.now());
    const recovered = await attempt().catch(async (error: Error) => {
      if (!isDiskFull(error.cause ?? error) || !(await guard.spendReserve())) throw error;
      return attempt();
    });
    this.#bytesCut = recovered.bytesCut;
    if (recovered.bytesCut > 0) {
      const { bytesCut, end } = recovered;
      log.warn('an unfinished write was cut from the end of the log; it had not been acknowledged', {
        bytesCut,
        offset: end.offset,
      });
    }
    return recovered;
  }

  async #retain(folder: SegmentFolder): Promise<void> {
    const { io, clock, log, retentionMs, retentionBytes } = this.#options;
    const options = { io, folder, clock, ageMsMax: retentionMs, bytesMax: retentionBytes };
    try {
      const removed = await applyRetention(options, this.#released);
      if (removed.length > 0) log.info('segments past retention were removed', { segments: removed.length });
    } catch (error) {
      throw ioFailed('removing old segments', error);
    }
  }

  #use(): Opened {
    if (!this.#opened) throw notOpen();
    return this.#opened;
  }
}

/** Events in `all` that are not in `part`, by dataset. */
function difference(all: Totals, part: Totals): Map<string, number> {
  const counts = [...all.accepted].map(
    ([dataset, events]) => [dataset, events - (part.accepted.get(dataset) ?? 0)] as const,
  );
  return new Map(counts.filter(([, events]) => events > 0));
}
