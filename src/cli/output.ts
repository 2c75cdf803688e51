import { type Cell, renderTable } from './table.ts';

/** The part of a stream that output needs. */
export interface Sink {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export interface OutputOptions {
  readonly stdout: Sink;
  readonly stderr: Sink;
  /** NO_COLOR is set. */
  readonly plain: boolean;
}

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
    return this.#stderr.columns ?? 80;
  }

  data(text: string): void {
    this.#stdout.write(text.endsWith('\n') ? text : `${text}\n`);
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
    const width = this.#stdout.isTTY ? (this.#stdout.columns ?? 80) : null;
    const lines = renderTable(rows, { width, ...(columns && { columns }) });
    const [head = '', ...body] = lines;
    this.data([this.#stdout.isTTY && !this.#plain ? `\u001b[1m${head}\u001b[0m` : head, ...body].join('\n'));
  }

  bad(text: string): string {
    return this.#color(31, text);
  }

  good(text: string): string {
    return this.#color(32, text);
  }

  faint(text: string): string {
    return this.#color(2, text);
  }

  #color(code: number, text: string): string {
    return this.interactive && !this.#plain ? `\u001b[${code}m${text}\u001b[0m` : text;
  }
}
