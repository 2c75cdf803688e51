import { membersOf } from '../members.ts';
import { lineAt, type SettledBatch } from '../settle.ts';
import { quote, type SqlColumn } from '../sql/dialect.ts';
import { columnValue } from './dialect.ts';

/**
 * A structure of texts spells each number anew from the double that the engine has read, and the cast reads it again: for a row of
 * ten numbers a quarter of its insert. A structure of doubles does not, but it makes null of what it cannot convert and 1 of
 * `true`, without a word. So a row whose double may be such a one is read again as texts, which decide: its value or its error are
 * those that texts give. That is a second parse; lines are worth it where few need it.
 */
export function readAgain(numbers: readonly SqlColumn[], texts: string): string {
  const doubts = numbers.map(({ name }) => `_event.${quote(name)} IS NULL OR _event.${quote(name)} IN (0, 1)`);
  return `CASE WHEN ${doubts.join(' OR ')} THEN from_json(_line, ${texts}) END`;
}

/** The value of a column of `_event`'s doubles; `_again` is what `readAgain` gives. */
export function plainNumber(column: SqlColumn): string {
  return `CASE WHEN _again IS NULL THEN _event.${quote(column.name)} ELSE ${columnValue('_again', column)} END`;
}

/** Lines looked at in a piece, and those of them that may have to be read again. */
const SAMPLE = { lines: 8, doubtful: 1 };

/** Have most lines a number other than 0 and 1 in each of these columns? By a sample: whatever it says, the rows are the same. */
export function arePlain(batches: readonly Pick<SettledBatch, 'batch'>[], numbers: readonly string[]): boolean {
  if (numbers.length === 0) return false;
  let doubtful = 0;
  for (let n = 0; n < SAMPLE.lines; n += 1) {
    const place = (n * batches.length) / SAMPLE.lines;
    const lines = batches[Math.floor(place)]?.batch.lines ?? NONE;
    const start = lines.indexOf(0x0a, Math.floor((place % 1) * lines.length)) + 1;
    const line = lineAt(lines.subarray(start === lines.length ? 0 : start), 0);
    const plain = new Set(membersOf(line.toString()).flatMap(({ name, raw }) => (isPlain(raw) ? name : [])));
    if (!numbers.every((name) => plain.has(name))) doubtful += 1;
  }
  return doubtful <= SAMPLE.doubtful;
}

const NONE = Buffer.alloc(0);

function isPlain(raw: string): boolean {
  return /^[-0-9]/.test(raw) && Number(raw) !== 0 && Number(raw) !== 1;
}
