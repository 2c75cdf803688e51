import { createHmac, timingSafeEqual } from 'node:crypto';
import { AzudError } from '../error/azud-error.ts';
import type { ColumnType } from '../event/dataset.ts';
import type { Value } from '../store/driver.ts';

/** Enough against guessing (128 bits), and half the length in a URL. */
const MAC_BYTES = 16;
/** Values of a few columns, one of them a string of at most 256 KiB; a URL of that length does not arrive anyway. */
const CURSOR_CHARS_MAX = 16_384;

/**
 * A cursor says after which row a page begins. It is signed together with what it belongs to (dataset, filters, order),
 * so a forged one and one of another query are refused alike.
 */
export class Cursors {
  readonly #key: Buffer;

  /** @param key secret, 32 bytes; every process that serves the same queries has the same */
  constructor(key: Buffer) {
    this.#key = key;
  }

  /** @param binding whatever must be the same on the next page, as text */
  encode(binding: string, values: readonly Value[]): string {
    const exact = values.map((value) => (typeof value === 'bigint' ? String(value) : value));
    const payload = Buffer.from(JSON.stringify(exact));
    return Buffer.concat([this.#mac(binding, payload), payload]).toString('base64url');
  }

  /** @throws AzudError `invalid-cursor` */
  decode(binding: string, cursor: string, types: readonly ColumnType[]): readonly Value[] {
    const bytes = cursor.length <= CURSOR_CHARS_MAX ? Buffer.from(cursor, 'base64url') : Buffer.alloc(0);
    const payload = bytes.subarray(MAC_BYTES);
    const genuine =
      bytes.length > MAC_BYTES &&
      // Lenient base64 has many spellings of the same bytes; only ours is a cursor.
      bytes.toString('base64url') === cursor &&
      timingSafeEqual(bytes.subarray(0, MAC_BYTES), this.#mac(binding, payload));
    if (!genuine) throw new AzudError('invalid-cursor', 'the cursor is not one of this query', { path: 'cursor' });
    const values = JSON.parse(payload.toString()) as readonly Value[];
    return values.map((value, index) =>
      types[index] === 'integer' && typeof value === 'string' ? BigInt(value) : value,
    );
  }

  #mac(binding: string, payload: Buffer): Buffer {
    const mac = createHmac('sha256', this.#key)
      .update(String(Buffer.byteLength(binding)))
      .update(':');
    return mac.update(binding).update(payload).digest().subarray(0, MAC_BYTES);
  }
}

/** The text that binds a cursor to its query: bigints spelled out, as JSON has none. */
export function bindingOf(parts: readonly unknown[]): string {
  return JSON.stringify(parts, (_, value) => (typeof value === 'bigint' ? `${value}n` : value));
}
