import { INTAKE_LIMITS } from '../../limits.ts';
import type { Found } from '../json/scanner.ts';
import type { PlainCheck } from '../plain-check.ts';
import { HAS_EXTRAS, POSITION_MASK } from './layout.ts';
import { ScanMemory } from './memory.ts';
import { tableOf } from './table.ts';

/** Made when the first dataset asks for it. It remembers nothing that outlives the reading of one body. */
let shared: ScanMemory | null = null;

/** Null for a dataset that has too many columns for it. */
export function compilePlainScan(check: PlainCheck): PlainScan | null {
  const table = tableOf(check);
  if (table === null) return null;
  shared ??= new ScanMemory();
  return new PlainScan(shared, table, check);
}

/**
 * Scanner and plain check in one, in WebAssembly: it says yes to most events that fit at a fifth of the cost. It never says
 * yes to an event that those two would not (a law of the fuzzer holds them together); "not sure" sends the event to them.
 */
export class PlainScan {
  readonly #memory: ScanMemory;
  readonly #table: Uint8Array;
  readonly #check: PlainCheck;
  /** Columns whose rules only the check knows. */
  readonly #asked: readonly number[];
  /** The last event that was a yes has keys that are not declared. */
  extras = false;

  constructor(memory: ScanMemory, table: Uint8Array, check: PlainCheck) {
    this.#memory = memory;
    this.#table = table;
    this.#check = check;
    this.#asked = check.columns.flatMap(({ said, kinds }, i) => (said === null && kinds !== 0 ? [i] : []));
  }

  /** What was found in the last event that was a yes. */
  get found(): Found {
    return this.#memory.found;
  }

  /** Copies the bytes that `read` is asked about from now on, until others are begun for any dataset. */
  begin(bytes: Uint8Array): void {
    this.#memory.begin(this.#table, bytes);
  }

  /** The position after the event at `from` of the bytes begun, which ends at or before `to`; 0: not sure. */
  read(bytes: Buffer, from: number, to: number): number {
    const memory = this.#memory;
    if (memory.body !== bytes || memory.table !== this.#table) return 0;
    const answer = memory.scan(from);
    const end = answer & POSITION_MASK;
    this.extras = (answer & HAS_EXTRAS) !== 0;
    if (end === 0 || end > to || end - from > INTAKE_LIMITS.eventBytesMax) return 0;
    for (const column of this.#asked) if (!this.#check.fitsAt(bytes, memory.found, column)) return 0;
    return end;
  }
}
