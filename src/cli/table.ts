export type Cell = string | number | bigint | boolean | null | undefined | object;

export interface TableOptions {
  /** Columns of the terminal; null: as wide as needed. */
  readonly width: number | null;
  /** Which columns, in which order; by default those of the rows. */
  readonly columns?: readonly string[];
}

const GAP = '  ';
/** A column is never cut below this. */
const WIDTH_MIN = 6;

/** Lines of an aligned table, header first: numbers to the right, the widest columns cut first where it is too wide. */
export function renderTable(rows: readonly Readonly<Record<string, Cell>>[], options: TableOptions): string[] {
  const columns = options.columns ?? [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const body = rows.map((row) => columns.map((column) => cellText(row[column])));
  const natural = columns.map((column, at) =>
    Math.max(column.length, ...body.map((cells) => [...(cells[at] ?? '')].length)),
  );
  const widths = options.width === null ? natural : fitted(natural, options.width);
  const right = columns.map((column) => rows.every((row) => isNumeric(row[column])));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, at) => aligned(cell, widths[at] ?? 0, right[at] ?? false))
      .join(GAP)
      .trimEnd();
  return [line(columns), ...body.map(line)];
}

export function cellText(value: Cell): string {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  // A control character would break the table, or the terminal.
  return text.replace(/\p{Cc}/gu, '·');
}

function isNumeric(value: Cell): boolean {
  if (value === null || value === undefined) return true;
  return (
    typeof value === 'number' ||
    typeof value === 'bigint' ||
    (typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value))
  );
}

function aligned(cell: string, width: number, right: boolean): string {
  const characters = [...cell];
  const cut = characters.length > width ? `${characters.slice(0, width - 1).join('')}…` : cell;
  const padding = ' '.repeat(Math.max(0, width - [...cut].length));
  return right ? padding + cut : cut + padding;
}

/** Takes from the widest column, again and again, until the table fits. */
function fitted(natural: readonly number[], width: number): number[] {
  const widths = [...natural];
  let excess = widths.reduce((sum, one) => sum + one, GAP.length * (widths.length - 1)) - width;
  while (excess > 0) {
    const widest = widths.indexOf(Math.max(...widths));
    const current = widths[widest] ?? 0;
    if (current <= WIDTH_MIN) break;
    widths[widest] = current - 1;
    excess--;
  }
  return widths;
}
