import { randomInt } from 'node:crypto';
import { JSON_LIMITS } from '../../limits.ts';

/** What is wrong with a key wherever it stands, decided once when it is first seen. */
export const KEY_FAULT = { NONE: 0, FORBIDDEN: 1, INVALID: 2, PROTOTYPE: 3, RESERVED: 4 } as const;

/** Keys kept besides the declared ones: two events' worth, so that the table is emptied between events, never in one. */
const SPARE = 2 * JSON_LIMITS.keysMax;
const SLOTS = 8192;

/**
 * Interns keys by their bytes: a key seen before costs one hash and one comparison, and allocates nothing. The declared
 * names have the ids 0, 1, 2 … in their order. The hash is seeded, so nobody outside can make keys collide.
 */
export class KeyTable {
  /** Bytes of all keys, one after the other; key `id` lies at `starts[id]` and has `lengths[id]` bytes. */
  arena = new Uint8Array(4096);
  readonly starts: Int32Array;
  readonly lengths: Int32Array;
  readonly faults: Uint8Array;
  readonly capacity: number;
  /** Ids below it are declared names. */
  readonly declaredCount: number;
  /** Id of the key `constructor`. */
  readonly constructorId: number;
  readonly #slots = new Int32Array(SLOTS).fill(-1);
  readonly #hashes: Int32Array;
  readonly #seed = randomInt(2 ** 31);
  readonly #permanent: readonly string[];
  #count = 0;

  constructor(declared: readonly string[]) {
    this.capacity = declared.length + 1 + SPARE;
    this.starts = new Int32Array(this.capacity + 1);
    this.lengths = new Int32Array(this.capacity);
    this.faults = new Uint8Array(this.capacity);
    this.#hashes = new Int32Array(this.capacity);
    this.declaredCount = declared.length;
    this.#permanent = declared.includes('constructor') ? declared : [...declared, 'constructor'];
    this.#reset();
    this.constructorId = this.#permanent.indexOf('constructor');
  }

  /** Makes room for one more event's keys. True when ids given before are void. */
  makeRoom(): boolean {
    if (this.#count + JSON_LIMITS.keysMax < this.capacity) return false;
    this.#reset();
    return true;
  }

  /** The id of the key in these bytes (without quotes and escapes). */
  intern(bytes: Uint8Array, from: number, to: number): number {
    let hash = this.#seed;
    for (let i = from; i < to; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
    let slot = (hash ^ (hash >>> 15)) & (SLOTS - 1);
    for (;;) {
      const id = this.#slots[slot] as number;
      if (id === -1) return this.#add(bytes.subarray(from, to), hash, slot);
      if (this.#hashes[id] === hash && this.#equals(id, bytes, from, to)) return id;
      slot = (slot + 1) & (SLOTS - 1);
    }
  }

  nameOf(id: number): string {
    const start = this.starts[id] as number;
    return Buffer.from(this.arena.buffer, start, this.lengths[id]).toString();
  }

  #equals(id: number, bytes: Uint8Array, from: number, to: number): boolean {
    if (this.lengths[id] !== to - from) return false;
    const start = (this.starts[id] as number) - from;
    for (let i = from; i < to; i++) if (bytes[i] !== this.arena[start + i]) return false;
    return true;
  }

  #add(key: Uint8Array, hash: number, slot: number): number {
    const id = this.#count++;
    const start = this.starts[id] as number;
    if (start + key.length > this.arena.length) {
      const larger = new Uint8Array((start + key.length) * 2);
      larger.set(this.arena);
      this.arena = larger;
    }
    this.arena.set(key, start);
    this.starts[id + 1] = start + key.length;
    this.lengths[id] = key.length;
    this.#hashes[id] = hash;
    this.#slots[slot] = id;
    this.faults[id] = faultOf(Buffer.from(key).toString());
    return id;
  }

  #reset(): void {
    this.#count = 0;
    this.#slots.fill(-1);
    for (const name of this.#permanent) {
      const bytes = Buffer.from(name);
      this.intern(bytes, 0, bytes.length);
    }
  }
}

function faultOf(key: string): number {
  if (key === '__proto__') return KEY_FAULT.FORBIDDEN;
  if (key === 'prototype') return KEY_FAULT.PROTOTYPE;
  if (key === '' || hasControl(key)) return KEY_FAULT.INVALID;
  return key.startsWith('_') ? KEY_FAULT.RESERVED : KEY_FAULT.NONE;
}

/** Control characters of ASCII and Latin-1. */
export function hasControl(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || (code >= 0x7f && code <= 0x9f)) return true;
  }
  return false;
}
