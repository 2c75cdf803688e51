import { crc32 } from 'node:zlib';
import type { Clock } from '../../src/lib/clock.ts';
import type { DiskCall } from '../support/simulated-disk.ts';
import type { Chance } from './chance.ts';

interface Waiting {
  readonly what: string;
  readonly resume: () => void;
}

interface Timer extends Waiting {
  readonly at: number;
}

/** One call in so many lets time pass while it is under way, as on a slow disk. */
const SLOW = 0.03;
/** One call in so many is stuck for a while; others overtake it. */
const STUCK = 0.02;
const STUCK_MS_MAX = 300;
/** A disk mostly answers in the order it was asked. */
const IN_ORDER = 0.4;

/**
 * Decides what happens next: every call to the disk, turn of the event loop and sleep waits here until it is chosen.
 * Between two choices all promises run as far as they can, so a run is made by its choices alone.
 */
export class Scheduler implements Clock {
  readonly #chance: Chance;
  #ready: Waiting[] = [];
  #timers: Timer[] = [];
  #timeMs: number;
  #wallMs: number;
  #trace = 0;
  #steps = 0;

  constructor(chance: Chance, startMs: number) {
    this.#chance = chance;
    this.#timeMs = 0;
    this.#wallMs = startMs;
  }

  now = (): number => Math.floor(this.#wallMs + this.#timeMs);
  monotonic = (): number => this.#timeMs;

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const done = () => {
        this.#timers = this.#timers.filter((each) => each !== timer);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer: Timer = { what: 'timer', at: this.#timeMs + Math.max(0, ms), resume: done };
      this.#timers.push(timer);
      signal?.addEventListener('abort', done, { once: true });
    });
  }

  turn = (): Promise<void> => this.#wait('turn');
  gate = ({ name, path }: DiskCall): Promise<void> => this.#wait(`${name} ${path}`);

  /** The wall clock is set, by so many ms. */
  jump(ms: number): void {
    this.#wallMs += ms;
  }

  /** Of everything chosen so far: two runs with the same hash went the same way. */
  get trace(): number {
    return this.#trace;
  }

  get steps(): number {
    return this.#steps;
  }

  note(what: string): void {
    this.#trace = crc32(what, this.#trace);
  }

  /** Chooses until `ended` says so, or nothing is left to choose (false). */
  async run(ended: () => boolean): Promise<boolean> {
    await settled();
    while (!ended()) {
      if (!this.#step()) return false;
      await settled();
    }
    return true;
  }

  /** The process is gone: calls under way have happened or not, what they would have led to has not. */
  async halt(): Promise<void> {
    const underWay = [...this.#ready, ...this.#timers];
    this.#ready = [];
    this.#timers = [];
    for (const { what, resume } of underWay) {
      if (what !== 'turn' && what !== 'timer' && this.#chance.happens(0.5)) resume();
    }
    await settled();
    this.#ready = [];
    this.#timers = [];
  }

  #wait(what: string): Promise<void> {
    return new Promise((resume) => {
      if (what === 'turn' || !this.#chance.happens(STUCK)) this.#ready.push({ what, resume });
      else this.#timers.push({ what, resume, at: this.#timeMs + this.#chance.next() * STUCK_MS_MAX });
    });
  }

  #step(): boolean {
    this.#steps += 1;
    this.#timeMs += this.#chance.next() * 0.5;
    if (this.#ready.length === 0 || this.#chance.happens(SLOW)) this.#passTime();
    this.#wake();
    if (this.#ready.length === 0) return false;
    const at = this.#chance.happens(IN_ORDER) ? 0 : this.#chance.below(this.#ready.length);
    const [chosen] = this.#ready.splice(at, 1) as [Waiting];
    this.note(`${chosen.what} ${this.#timeMs}`);
    chosen.resume();
    return true;
  }

  #passTime(): void {
    const next = this.#timers.reduce((earliest, { at }) => Math.min(earliest, at), Infinity);
    if (next !== Infinity) this.#timeMs = Math.max(this.#timeMs, next);
  }

  #wake(): void {
    const due = this.#timers.filter(({ at }) => at <= this.#timeMs).sort((a, b) => a.at - b.at);
    if (due.length === 0) return;
    this.#timers = this.#timers.filter(({ at }) => at > this.#timeMs);
    this.#ready.push(...due);
  }
}

/** Resolves when every promise has run as far as it can: ticks come after all microtasks. */
function settled(): Promise<void> {
  return new Promise((resolve) => queueMicrotask(() => process.nextTick(resolve)));
}
