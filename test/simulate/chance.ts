import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import timers from 'node:timers/promises';
import { uuidV7 } from '../../src/event/ids.ts';
import { seeded } from '../support/simulated-disk.ts';

/** A source of chance of its own for each concern, so that one more draw for the one does not change the others. */
export class Chance {
  readonly next: () => number;

  constructor(seed: number, concern: string) {
    let mixed = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ (seed >>> 15);
    for (const char of concern) mixed = Math.imul(mixed ^ char.charCodeAt(0), 0x01000193);
    this.next = seeded(mixed);
  }

  /** A whole number from 0, below n. */
  below(n: number): number {
    return Math.floor(this.next() * n);
  }

  between(from: number, to: number): number {
    return from + this.below(to - from + 1);
  }

  happens(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }
}

/** Ids that `event/ids.ts` makes of one draw of random bytes. */
const IDS_IN_POOL = 256;

interface Owned {
  readonly ids: Chance;
  readonly backoff: Chance;
  readonly turn: () => Promise<void>;
  fills: number;
}

/**
 * Takes over what the code under test does not take as a dependency: random bytes, the jitter of back-off, and a turn of
 * the event loop. Of this process and for good; one run after the other sets the seed.
 */
export class OwnedChance {
  readonly #realTurn = timers.setImmediate;
  #owned: Owned = this.#of(0, () => this.#realTurn());

  constructor() {
    const bytes = (buffer: Buffer) => {
      this.#owned.fills += 1;
      for (let at = 0; at < buffer.length; at += 4)
        buffer.writeUInt32LE(Math.floor(this.#owned.ids.next() * 2 ** 32), at);
      return buffer;
    };
    const uuid = () => {
      const hex = bytes(Buffer.alloc(16)).toString('hex');
      return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
    };
    Object.assign(crypto, { randomFillSync: bytes, randomUUID: uuid });
    Object.assign(timers, { setImmediate: () => this.#owned.turn() });
    syncBuiltinESMExports();
    Math.random = () => this.#owned.backoff.next();
  }

  /** From here on everything random follows from the seed, and a turn of the event loop is what the scheduler says. */
  begin(seed: number, turn: () => Promise<void>): void {
    const owned = this.#of(seed, turn);
    this.#owned = owned;
    // Ids left over from the run before are used up: the next one is drawn anew.
    while (owned.fills === 0) uuidV7(0);
    for (let left = IDS_IN_POOL - 1; left > 0; left -= 1) uuidV7(0);
  }

  /** Turns of the event loop are real again. */
  end(): void {
    this.#owned = this.#of(0, () => this.#realTurn());
  }

  #of(seed: number, turn: () => Promise<void>): Owned {
    return { ids: new Chance(seed, 'ids'), backoff: new Chance(seed, 'backoff'), turn, fills: 0 };
  }
}
