import { type Cell, renderTable } from './table.ts';

/** The part of a stream that output needs. */
export interface Sink {
  write(text: string | Uint8Array): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export interface OutputOptions {
  readonly stdout: Sink;
  readonly stderr: Sink;
  /** NO_COLOR is set. */
  readonly plain: boolean;
}

/** Of a terminal that does not tell, or tells 0. */
const WIDTH_DEFAULT = 80;

/** Data goes to stdout, talk to stderr. */
export class Output {
  readonly #stdout: Sink;
  readonly #stderr: Sink;
  readonly #plain: boolean;

  constructor({ stdout, stderr, plain }: OutputOptions) {
    this.#stdout = stdout;
    this.#stderr = stderr;
    this.#plain = plain;
  }

  /** Whether bars may be drawn. */
  get interactive(): boolean {
    return this.#stderr.isTTY === true;
  }

  /** Columns of the terminal that shows talk. */
  get width(): number {
    return this.#stderr.columns || WIDTH_DEFAULT;
  }

  data(text: string): void {
    this.#stdout.write(text.endsWith('\n') ? text : `${text}\n`);
  }

  /** As they are, such as a file that is redirected. */
  bytes(data: Buffer): void {
    this.#stdout.write(data);
  }

  json(value: unknown): void {
    this.data(JSON.stringify(value, null, 2));
  }

  say(text: string): void {
    this.#stderr.write(`${text}\n`);
  }

  /** Replaces the current line of a terminal. */
  redraw(text: string): void {
    this.#stderr.write(`\r${text}\u001b[K`);
  }

  /** Rows of one shape; cut to the terminal's width, whole when stdout is none. */
  table(rows: readonly Readonly<Record<string, Cell>>[], columns?: readonly string[]): void {
    const width = this.#stdout.isTTY ? this.#stdout.columns || WIDTH_DEFAULT : null;
    const lines = renderTable(rows, { width, ...(columns && { columns }) });
    const [head = '', ...body] = lines;
    this.data([this.#stdout.isTTY && !this.#plain ? `\u001b[1m${head}\u001b[0m` : head, ...body].join('\n'));
  }

  bad(text: string): string {
    return this.#color(31, text);
  }

  /** The mark before a line of data, where a person reads it. */
  verdict(good: boolean): string {
    const word = good ? 'ok  ' : 'fail';
    return this.#stdout.isTTY && !this.#plain ? `\u001b[${good ? 32 : 31}m${word}\u001b[0m` : word;
  }

  faint(text: string): string {
    return this.#color(2, text);
  }

  #color(code: number, text: string): string {
    return this.interactive && !this.#plain ? `\u001b[${code}m${text}\u001b[0m` : text;
  }
}
