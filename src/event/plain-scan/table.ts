import type { PlainColumn } from '../plain-check.ts';
import type { Said } from '../plain-rules.ts';
import { COLUMNS_MAX, LAYOUT, RULE, VECTOR } from './layout.ts';

/** No byte of UTF-8: a key that begins with it is never found. */
const NEVER = 0xff;

/** What the plain scan knows of a dataset, as it lies in its memory from `LAYOUT.COUNT` on; null where it does not fit. */
export function tableOf(columns: readonly PlainColumn[]): Uint8Array | null {
  const options = columns.map(({ said }) => optionsOf(said));
  const bytes = options.reduce((sum, list) => sum + list.length, LAYOUT.COLUMNS + columns.length * LAYOUT.COLUMN_BYTES);
  if (columns.length === 0 || columns.length > COLUMNS_MAX || bytes > LAYOUT.BODY) return null;
  // As large as the memory before it, so that positions are the same in both.
  const table = Buffer.alloc(bytes);
  table.writeInt32LE(columns.length, LAYOUT.COUNT);
  table.writeInt32LE(columns.filter(({ required }) => required).length, LAYOUT.REQUIRED);
  table.writeInt32LE(LAYOUT.COLUMNS, LAYOUT.FIRST);
  let free = LAYOUT.COLUMNS + columns.length * LAYOUT.COLUMN_BYTES;
  for (const [i, column] of columns.entries()) {
    const at = LAYOUT.COLUMNS + i * LAYOUT.COLUMN_BYTES;
    writeColumn(table.subarray(at, at + LAYOUT.COLUMN_BYTES), column);
    table.writeInt32LE(i, at + LAYOUT.INDEX);
    // Events are expected to have their keys in the order of the schema until they are seen to have another.
    table.writeInt32LE(LAYOUT.COLUMNS + ((i + 1) % columns.length) * LAYOUT.COLUMN_BYTES, at + LAYOUT.NEXT);
    table.writeInt32LE(free, at + LAYOUT.OPTIONS);
    const list = options[i] as Buffer;
    list.copy(table, free);
    free += list.length;
  }
  return table.subarray(LAYOUT.COUNT);
}

function writeColumn(column: Buffer, { name, required, kinds, said }: PlainColumn): void {
  column.writeInt32LE(kinds, LAYOUT.ACCEPTED);
  column.writeInt32LE(required ? 1 : 0, LAYOUT.IS_REQUIRED);
  column.writeInt32LE(rulesOf(said ?? {}), LAYOUT.RULES);
  const { lengthMin = 0, lengthMax = 2 ** 31 - 1 } = said ?? {};
  column.writeInt32LE(Math.min(lengthMin, 2 ** 31 - 1), LAYOUT.LENGTH_MIN);
  column.writeInt32LE(Math.min(lengthMax, 2 ** 31 - 1), LAYOUT.LENGTH_MAX);
  column.writeDoubleLE(said?.min ?? -Infinity, LAYOUT.MIN);
  column.writeDoubleLE(said?.max ?? Infinity, LAYOUT.MAX);
  column.writeDoubleLE(said?.above ?? -Infinity, LAYOUT.ABOVE);
  column.writeDoubleLE(said?.below ?? Infinity, LAYOUT.BELOW);
  // A name that JSON may only write with escapes, or in several ways, is left to the scanner.
  const asWritten = JSON.stringify(name) === `"${name}"`;
  const key = asWritten ? Buffer.from(`"${name}":`) : Buffer.of(NEVER);
  column.writeInt32LE(key.length, LAYOUT.KEY_LENGTH);
  key.copy(column, LAYOUT.KEY);
}

function rulesOf(said: Said): number {
  const bounds = [said.min, said.max, said.above, said.below];
  return (
    (said.lengthMin !== undefined || said.lengthMax !== undefined ? RULE.LENGTH : 0) |
    (said.ascii ? RULE.ASCII : 0) |
    (said.format === 'date' ? RULE.DATE : 0) |
    (said.format === 'date-time' ? RULE.TIME : 0) |
    (said.options ? RULE.OPTIONS : 0) |
    (bounds.some((bound) => bound !== undefined) ? RULE.BOUNDS : 0)
  );
}

/** How many, and each with its length before it, all of them at multiples of a vector. */
function optionsOf(said: Said | null): Buffer {
  if (!said?.options) return Buffer.alloc(0);
  const parts = said.options.map((option) => {
    const part = Buffer.alloc(LAYOUT.OPTION + Math.ceil(option.length / VECTOR) * VECTOR);
    part.writeInt32LE(option.length);
    option.copy(part, LAYOUT.OPTION);
    return part;
  });
  const count = Buffer.alloc(LAYOUT.OPTION);
  count.writeInt32LE(parts.length);
  return Buffer.concat([count, ...parts]);
}
