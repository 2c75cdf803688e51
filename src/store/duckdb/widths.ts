import type { Dataset } from '../../event/dataset.ts';
import type { Session } from './session.ts';
import * as SQL from './statements.ts';

/**
 * Which integer columns hold more than 64 bits. An integer of JSON has no bounds and none may be rounded, but the engine
 * sums and skips 128 bits many times slower than 64; so a column begins with 64 and is widened for the first value that needs it.
 */
export class Widths {
  /** By table. */
  readonly #wide = new Map<string, Set<string>>();

  private constructor() {}

  /** As the tables are. */
  static async of(session: Session): Promise<Widths> {
    const widths = new Widths();
    for (const [table, column] of await session.run(SQL.WIDE_COLUMNS)) widths.#note(String(table), String(column));
    return widths;
  }

  wide(dataset: string): ReadonlySet<string> {
    return this.#wide.get(dataset) ?? NONE;
  }

  /** Widens the columns that these lines need wider; false when there is none. */
  async fit(session: Session, dataset: Dataset, lines: Buffer): Promise<boolean> {
    const integers = SQL.convertedColumns(dataset, this.wide(dataset.name)).filter(
      ({ type, integerBits }) => type === 'integer' && integerBits === 64,
    );
    if (integers.length === 0 || lines.length === 0) return false;
    const [counts = []] = await session.run(SQL.wideningStatement(integers), [lines.subarray(0, lines.length - 1)]);
    const needed = integers.filter((_, at) => Number(counts[at]) > 0).map(({ name }) => name);
    for (const name of needed) await session.run(SQL.widen(dataset.name, name));
    // All or none: whoever tries again after a failure finds those widened before it as wide as they should be.
    for (const name of needed) this.#note(dataset.name, name);
    return needed.length > 0;
  }

  #note(table: string, column: string): void {
    this.#wide.set(table, (this.#wide.get(table) ?? new Set()).add(column));
  }
}

const NONE: ReadonlySet<string> = new Set();
