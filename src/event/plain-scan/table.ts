import type { PlainCheck, PlainColumn } from '../plain-check.ts';
import type { Said } from '../plain-rules.ts';
import * as layout from './layout.ts';

/** No byte of UTF-8: a key that begins with it is never found. */
const NEVER = 0xff;

/** What the plain scan knows of a dataset, as it lies in its memory from `layout.TABLE` on; null where it does not fit. */
export function tableOf({ columns, takesExtras }: PlainCheck): Uint8Array | null {
  const options = columns.map(({ said }) => optionsOf(said));
  const bytes = options.reduce((sum, list) => sum + list.length, layout.COLUMNS + columns.length * layout.COLUMN_BYTES);
  if (columns.length === 0 || columns.length > layout.COLUMNS_MAX || bytes > layout.BODY) return null;
  // As large as the memory before it, so that positions are the same in both.
  const table = Buffer.alloc(bytes);
  table.writeInt32LE(columns.length, layout.COUNT);
  table.writeInt32LE(columns.filter(({ required }) => required).length, layout.REQUIRED);
  table.writeInt32LE(layout.COLUMNS, layout.FIRST);
  table.writeInt32LE(takesExtras ? 1 : 0, layout.EXTRAS_TAKEN);
  let free = layout.COLUMNS + columns.length * layout.COLUMN_BYTES;
  for (const [i, column] of columns.entries()) {
    const at = layout.COLUMNS + i * layout.COLUMN_BYTES;
    writeColumn(table.subarray(at, at + layout.COLUMN_BYTES), column);
    table.writeInt32LE(i, at + layout.INDEX);
    // Events are expected to have their keys in the order of the schema until they are seen to have another.
    table.writeInt32LE(layout.COLUMNS + ((i + 1) % columns.length) * layout.COLUMN_BYTES, at + layout.NEXT);
    table.writeInt32LE(free, at + layout.OPTIONS);
    const list = options[i] as Buffer;
    list.copy(table, free);
    free += list.length;
  }
  return table.subarray(layout.TABLE);
}

function writeColumn(column: Buffer, { name, required, kinds, said }: PlainColumn): void {
  column.writeInt32LE(kinds, layout.ACCEPTED);
  column.writeInt32LE(required ? 1 : 0, layout.IS_REQUIRED);
  column.writeInt32LE(rulesOf(said ?? {}), layout.RULES);
  const { lengthMin = 0, lengthMax = 2 ** 31 - 1 } = said ?? {};
  column.writeInt32LE(Math.min(lengthMin, 2 ** 31 - 1), layout.LENGTH_MIN);
  column.writeInt32LE(Math.min(lengthMax, 2 ** 31 - 1), layout.LENGTH_MAX);
  column.writeDoubleLE(said?.min ?? -Infinity, layout.MIN);
  column.writeDoubleLE(said?.max ?? Infinity, layout.MAX);
  column.writeDoubleLE(said?.above ?? -Infinity, layout.ABOVE);
  column.writeDoubleLE(said?.below ?? Infinity, layout.BELOW);
  // A name that JSON may only write with escapes, or in several ways, is left to the scanner.
  const asWritten = JSON.stringify(name) === `"${name}"`;
  const key = asWritten ? Buffer.from(`"${name}":`) : Buffer.of(NEVER);
  column.writeInt32LE(key.length, layout.KEY_LENGTH);
  key.copy(column, layout.KEY);
}

function rulesOf(said: Said): number {
  const bounds = [said.min, said.max, said.above, said.below];
  return (
    (said.lengthMin !== undefined || said.lengthMax !== undefined ? layout.RULE_LENGTH : 0) |
    (said.ascii ? layout.RULE_ASCII : 0) |
    (said.format === 'date' ? layout.RULE_DATE : 0) |
    (said.format === 'date-time' ? layout.RULE_TIME : 0) |
    (said.options ? layout.RULE_OPTIONS : 0) |
    (bounds.some((bound) => bound !== undefined) ? layout.RULE_BOUNDS : 0)
  );
}

/** How many, and each with its length before it, all of them at multiples of a vector. */
function optionsOf(said: Said | null): Buffer {
  if (!said?.options) return Buffer.alloc(0);
  const parts = said.options.map((option) => {
    const part = Buffer.alloc(layout.OPTION + Math.ceil(option.length / layout.VECTOR) * layout.VECTOR);
    part.writeInt32LE(option.length);
    option.copy(part, layout.OPTION);
    return part;
  });
  const count = Buffer.alloc(layout.OPTION);
  count.writeInt32LE(parts.length);
  return Buffer.concat([count, ...parts]);
}
