import type { Reject } from '../event/batch.ts';
import { BYTE } from '../event/json/byte.ts';
import { toLine } from '../event/validator.ts';

const NEWLINE = Buffer.from('\n');

/** Where an event lies in a body. */
export interface EventBytes {
  readonly body: Buffer;
  readonly from: number;
  readonly to: number;
  /** No line break stands in the bytes. */
  readonly clean: boolean;
}

/** The rows of one dataset in a request. Lines that lie one after the other in the body are never copied. */
export class Lines {
  readonly rejects: Reject[] = [];
  count = 0;
  extras = false;
  /** One for each line, or null when no line has one: a dataset's lines all have ids or none has. */
  ids: string[] | null = null;
  /** Null while line i is row i + 1. */
  rows: number[] | null = null;
  readonly #chunks: Buffer[] = [];
  /** A run of whole lines of the body that is not in `#chunks` yet. */
  #body: Buffer = NEWLINE;
  #from = 0;
  #to = 0;

  add({ body, from, to, clean }: EventBytes, row: number, id: string | null): void {
    if (id !== null) {
      this.ids ??= [];
      this.ids.push(id);
    }
    if (this.rows) this.rows.push(row);
    else if (row !== this.count + 1) {
      this.rows = Array.from({ length: this.count }, (_, i) => i + 1);
      this.rows.push(row);
    }
    this.count += 1;
    if (!clean) {
      this.#endRun();
      this.#chunks.push(toLine(body, from, to), NEWLINE);
      return;
    }
    if (this.#to > 0 && from === this.#to + 1 && this.#body === body && body[this.#to] === BYTE.LF) {
      this.#to = to;
      return;
    }
    this.#endRun();
    this.#body = body;
    this.#from = from;
    this.#to = to;
  }

  /** NDJSON in pieces: each line ended by one newline. */
  pieces(): readonly Buffer[] {
    this.#endRun();
    return this.#chunks;
  }

  #endRun(): void {
    if (this.#to === 0) return;
    if (this.#body[this.#to] === BYTE.LF) {
      this.#chunks.push(this.#body.subarray(this.#from, this.#to + 1));
    } else {
      this.#chunks.push(this.#body.subarray(this.#from, this.#to), NEWLINE);
    }
    this.#to = 0;
  }
}
