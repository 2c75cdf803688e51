import { setImmediate as nextTurn } from 'node:timers/promises';
import type { AzudError } from '../../error/azud-error.ts';
import type { Message } from '../../event/batch.ts';
import type { Clock } from '../../lib/clock.ts';
import { LOG_LIMITS } from '../../limits.ts';
import type { Log } from '../../telemetry/log.ts';
import type { PublishResult } from '../driver.ts';
import type { DiskGuard } from './disk-guard.ts';
import type { DurableEnd } from './durable-end.ts';
import { closing, ioFailed, isDiskFull, storageFull, tooLarge } from './errors.ts';
import { Group, Waiter } from './group.ts';
import { assertEncodable, PAYLOAD_BYTES_MAX } from './record.ts';
import type { Tail } from './tail.ts';

export interface WriterOptions {
  readonly tail: Tail;
  readonly end: DurableEnd;
  readonly guard: DiskGuard;
  readonly clock: Clock;
  readonly log: Log;
  readonly probeMs: number;
  /** Called once, when a write or sync failed: what is on disk is not known any more. */
  readonly onFatal: (error: Error) => void;
  /** The group is durable. */
  readonly onDurable: (group: Group) => void;
}

const POOL_BUFFERS_MAX = 2;

/** A group on its way to the disk. */
interface Commit {
  readonly group: Group;
  /** Null once it is durable; never rejects. */
  readonly failure: Promise<{ readonly cause: unknown } | null>;
}

/**
 * Group commit: messages gather in a group while the one before is written and synced, and one sync serves all of a
 * group. Nothing resolves before its sync; after a failed one nothing resolves any more.
 */
export class LogWriter {
  readonly #options: WriterOptions;
  readonly #pool: Buffer[] = [];
  readonly #closing = new AbortController();
  #queue: Group[] = [];
  #next: number;
  #refusal: AzudError | null = null;
  #failed = false;
  #running: Promise<void> | null = null;
  #recovering: Promise<void> = Promise.resolve();

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#next = options.end.current.offset + 1;
  }

  /** Why nothing is taken now, or null. */
  get refusal(): AzudError | null {
    return this.#refusal;
  }

  publish(messages: readonly Message[]): Promise<readonly PublishResult[]> {
    const refusal = this.#refusal;
    if (refusal) return Promise.resolve(messages.map(() => ({ error: refusal })));
    for (const message of messages) assertEncodable(message);
    return new Promise((resolve) => {
      const waiter = new Waiter(messages.length, resolve);
      messages.forEach((message, index) => {
        const { length } = message.payload;
        if (length > PAYLOAD_BYTES_MAX) waiter.results[index] = { error: tooLarge(length, PAYLOAD_BYTES_MAX) };
        else this.#enqueue(message, waiter, index);
      });
      waiter.release();
      this.#running ??= this.#run();
    });
  }

  /** Refuses from now on, and resolves when all that was taken is durable and the file is closed. */
  async close(): Promise<void> {
    this.#refusal ??= closing();
    this.#closing.abort();
    await this.#running;
    await this.#recovering;
    if (this.#failed) await this.#options.tail.abandon();
    else await this.#options.tail.close();
  }

  #enqueue(message: Message, waiter: Waiter, index: number): void {
    let group = this.#queue.at(-1);
    if (!group?.fits(message.payload.length)) {
      group = new Group(this.#next, this.#pool.pop());
      this.#queue.push(group);
    }
    group.add(message, waiter, index);
    this.#next += 1;
  }

  async #run(): Promise<void> {
    // One turn of the event loop: requests that arrived together are committed together.
    await nextTurn();
    let commit = this.#begin();
    while (commit) {
      const failure = await commit.failure;
      if (failure) this.#fail(commit.group, failure.cause);
      // The next group is with the disk before the callers of this one are answered, which takes as long as a sync.
      const next = this.#begin();
      if (!failure) this.#succeed(commit.group);
      commit = next;
    }
    this.#running = null;
  }

  /** Writes and syncs the group that waits first. */
  #begin(): Commit | null {
    const group = this.#queue.shift();
    if (!group) return null;
    const done = () => null;
    return { group, failure: this.#append(group).then(done, (cause: unknown) => ({ cause })) };
  }

  async #append(group: Group): Promise<void> {
    const { guard, tail } = this.#options;
    const known = guard.refusal();
    const refusal = known instanceof Promise ? await known : known;
    if (refusal !== null) throw Object.assign(new Error(refusal), { code: 'ENOSPC' });
    await tail.append(group);
  }

  #succeed(group: Group): void {
    const { tail, onDurable } = this.#options;
    onDurable(group);
    group.succeed(tail.course);
    if (this.#pool.length < POOL_BUFFERS_MAX && group.buffer.length <= LOG_LIMITS.groupBytesMax) {
      this.#pool.push(group.buffer);
    }
  }

  /** Rejects the group and all behind it: their offsets are given again. */
  #fail(group: Group, cause: unknown): void {
    const full = isDiskFull(cause);
    const error = full ? storageFull((cause as Error).message) : ioFailed('writing the log', cause);
    this.#refusal = error;
    const queue = this.#queue;
    this.#queue = [];
    this.#next = this.#options.end.current.offset + 1;
    for (const rejected of [group, ...queue]) rejected.fail(error);
    if (full) this.#recovering = this.#recover();
    else this.#stop(error);
  }

  #stop(error: AzudError): void {
    this.#failed = true;
    this.#refusal = error;
    this.#options.log.error('the log cannot be trusted any more and stops', { error });
    this.#options.onFatal(error);
  }

  /** Cuts the file back to the durable end, then looks for room until there is some. */
  async #recover(): Promise<void> {
    const { tail, guard, clock, log, probeMs, end } = this.#options;
    log.error('the disk is full: events are refused until there is room', { error: this.#refusal });
    try {
      await tail.cut();
      do {
        await clock.sleep(probeMs, this.#closing.signal);
        if (this.#closing.signal.aborted) return;
        guard.forget();
      } while ((await guard.refusal()) !== null);
      await guard.keepReserve();
    } catch (error) {
      this.#stop(ioFailed('recovering from a full disk', error));
      return;
    }
    log.info('the disk has room again: events are taken', { offset: end.current.offset });
    this.#refusal = this.#closing.signal.aborted ? closing() : null;
  }
}
