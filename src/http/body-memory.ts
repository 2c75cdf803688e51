/** The smallest piece, bytes: below it fresh memory costs no more than to look for some. */
const PIECE_BYTES_MIN = 32 * 1024;

export interface BodyMemoryLimits {
  /** Lent at a time. */
  readonly lentBytesMax: number;
  /** Kept for the next while nobody needs it. */
  readonly keptBytesMax: number;
}

/**
 * Memory for bodies that come in more than one piece, lent again and again: a body is more than a garbage collector should be
 * given a thousand times a second, and memory that was in use a moment ago need not be cleared by the kernel.
 */
export class BodyMemory {
  readonly #limits: BodyMemoryLimits;
  /** By size, which is a power of two. */
  readonly #kept = new Map<number, Buffer[]>();
  #keptBytes = 0;
  #lentBytes = 0;

  constructor(limits: BodyMemoryLimits) {
    this.#limits = limits;
  }

  /** At least so many bytes, with whatever was in them; null when too many are lent. */
  take(bytes: number): Buffer | null {
    const size = sizeFor(bytes);
    if (this.#lentBytes + size > this.#limits.lentBytesMax) return null;
    this.#lentBytes += size;
    const kept = this.#kept.get(size)?.pop();
    if (kept) this.#keptBytes -= size;
    return kept ?? Buffer.allocUnsafeSlow(size);
  }

  /** Nobody reads it any more. */
  giveBack(memory: Buffer): void {
    const size = memory.length;
    this.#lentBytes -= size;
    if (this.#keptBytes + size > this.#limits.keptBytesMax) return;
    this.#keptBytes += size;
    const kept = this.#kept.get(size);
    if (kept) kept.push(memory);
    else this.#kept.set(size, [memory]);
  }
}

function sizeFor(bytes: number): number {
  return Math.max(PIECE_BYTES_MIN, 2 ** Math.ceil(Math.log2(bytes)));
}
