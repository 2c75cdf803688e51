import { basename, dirname } from 'node:path';
import { type DiskCall, diskError, SHORT, type SimulatedDisk } from '../support/simulated-disk.ts';
import { describe, FOREVER, type Trouble } from './plan.ts';

export interface TroubleOptions {
  readonly disk: SimulatedDisk;
  readonly troubles: readonly Trouble[];
  readonly onEnd: (kind: 'kill' | 'power') => void;
  readonly onClock: () => void;
  /** The log's folder is copied. */
  readonly onCopy: () => void;
  /** A full disk has room again. */
  readonly onRoom: () => void;
}

/** What may fail for want of room. */
const NEED_ROOM: readonly DiskCall['name'][] = ['write', 'create', 'mkdir', 'rename', 'truncate', 'sync'];
const FREE_BYTES = 1e9;

/** The calls of one boot, counted, and what goes wrong at which. */
export class Troubles {
  readonly #options: TroubleOptions;
  /** The call that each failure has hit, once it has: "for ever" means calls like it. */
  readonly #hit = new Map<Trouble, DiskCall>();
  readonly #ends: string[] = [];
  #calls = 0;

  constructor(options: TroubleOptions) {
    this.#options = options;
    options.disk.freeBytes = FREE_BYTES;
  }

  get calls(): number {
    return this.#calls;
  }

  /** What came to pass, each with its call. */
  get met(): readonly string[] {
    const hit = [...this.#hit].map(([trouble, call]) => `${describe(trouble)}: ${siteOf(call)}`);
    return [...hit, ...this.#ends];
  }

  /** Something failed in this boot for no fault of the system. */
  get happened(): boolean {
    return this.#hit.size > 0;
  }

  /** The one that a call meets, and what it answers. */
  meet(call: DiskCall): Error | null {
    if (call.path.startsWith('/proc')) return null;
    this.#calls += 1;
    let answer: Error | null = null;
    for (const trouble of this.#options.troubles) answer ??= this.#meetOne(trouble, call);
    return answer;
  }

  #meetOne(trouble: Trouble, call: DiskCall): Error | null {
    const { kind, at } = trouble;
    const { onEnd, onClock, onCopy } = this.#options;
    if (kind === 'loss' || kind === 'flip') return null;
    if (kind === 'kill' || kind === 'power') {
      if (this.#calls === at) {
        this.#ends.push(`${describe(trouble)}: ${siteOf(call)}`);
        onEnd(kind);
      }
      return null;
    }
    if (kind === 'clock' || kind === 'older') {
      if (this.#calls === at) (kind === 'clock' ? onClock : onCopy)();
      return null;
    }
    return kind === 'full' ? this.#meetFull(trouble, call) : this.#meetFailure(trouble, call);
  }

  #meetFailure(trouble: Trouble, call: DiskCall): Error | null {
    const { kind, at, calls } = trouble;
    const hit = this.#hit.get(trouble);
    if (this.#calls < at || !canFail(kind, call)) return null;
    if (hit && (calls !== FOREVER || siteOf(hit) !== siteOf(call))) return null;
    this.#hit.set(trouble, hit ?? call);
    return kind === 'SHORT' ? SHORT : diskError(kind);
  }

  #meetFull(trouble: Trouble, call: DiskCall): Error | null {
    const { disk, onRoom } = this.#options;
    const end = trouble.at + trouble.calls;
    if (this.#calls < trouble.at || this.#calls > end) return null;
    this.#hit.set(trouble, this.#hit.get(trouble) ?? call);
    disk.freeBytes = this.#calls < end ? 0 : FREE_BYTES;
    if (this.#calls === end) onRoom();
    const takes = call.name === 'write' || call.name === 'create';
    return takes && this.#calls < end ? diskError('ENOSPC') : null;
  }
}

export function canFail(kind: Trouble['kind'], { name }: DiskCall): boolean {
  if (kind === 'SHORT') return name === 'write' || name === 'read';
  return kind === 'EIO' || NEED_ROOM.includes(name);
}

/** The call and the kind of file: `write log/*.seg`. */
export function siteOf({ name, path }: DiskCall): string {
  const file = basename(path).replace(/\d+/, '*');
  return `${name} ${basename(dirname(path))}/${file}`;
}
