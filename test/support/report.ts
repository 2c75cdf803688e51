import { relative } from 'node:path';
import { inspect } from 'node:util';

/** The part of node:test's events that the report reads. */
export interface TestEvent {
  readonly name: string;
  /** Where the test is written; for a conformance suite that is another file than the one that runs. */
  readonly file?: string | undefined;
  /** The file that runs. */
  readonly entryFile?: string | undefined;
  readonly skip?: string | boolean | undefined;
  readonly todo?: string | boolean | undefined;
  readonly details: {
    readonly duration_ms: number;
    readonly type?: string | undefined;
    readonly error?: Error | undefined;
  };
}

interface Tally {
  passed: number;
  failed: number;
  ended: boolean;
  /** What the file printed: shown only when something in it fails. */
  output: string;
}

interface Failure {
  readonly file: string;
  readonly name: string;
  readonly detail: string;
}

const OUTPUT_LENGTH_MAX = 20_000;

/** Counts tests, prints a line for each file, the failures in full, and the totals in a line of their own. */
export class Report {
  readonly #stream: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly #root: string;
  readonly #files = new Map<string, Tally>();
  readonly #failures: Failure[] = [];
  readonly #notes: string[] = [];
  readonly #begun = performance.now();

  constructor(stream: NodeJS.WritableStream & { readonly isTTY?: boolean }, root: string) {
    this.#stream = stream;
    this.#root = root;
  }

  pass(event: TestEvent): void {
    const file = this.#fileOf(event);
    if (event.details.type === 'suite') return;
    if (isTheFile(event)) this.#add(file, event.name, 'the file holds no test');
    else if (event.skip || event.todo) this.#add(file, event.name, 'skipped: run it, or remove it');
    else this.#tally(file).passed += 1;
  }

  failure(event: TestEvent): void {
    const error = event.details.error;
    // A parent fails because its parts do; they are listed, so it need not be.
    if (error && 'failureType' in error && error.failureType === 'subtestsFailed') return;
    this.#add(this.#fileOf(event), event.name, inspect(error?.cause ?? error, { colors: false, depth: 6 }));
  }

  /** A failure that is no test's. */
  fail(name: string, detail: string): void {
    this.#failures.push({ file: '', name, detail });
  }

  /** A line for the end of the report. */
  note(line: string): void {
    this.#notes.push(line);
  }

  output(file: string, text: string): void {
    const tally = this.#tally(relative(this.#root, file));
    if (tally.output.length < OUTPUT_LENGTH_MAX) tally.output += text;
  }

  /** The file has ended. */
  ended(file: string, durationMs: number): void {
    const name = relative(this.#root, file);
    const tally = this.#tally(name);
    // A file that ends badly is spoken for twice: by its summary and by its process.
    if (tally.ended) return;
    tally.ended = true;
    const mark = tally.failed > 0 ? this.#paint('31', '✗') : this.#paint('32', '✓');
    const counts = tally.failed > 0 ? `${tally.passed} passed, ${tally.failed} failed` : `${tally.passed}`;
    this.#print(`${mark} ${name} ${this.#paint('2', `${counts} · ${(durationMs / 1000).toFixed(1)} s`)}`);
  }

  /** Prints what is left to say; the last line is `N passed, N failed`. Answers the exit code. */
  end(): number {
    for (const [i, failure] of this.#failures.entries()) this.#printFailure(failure, this.#failures[i - 1]);
    for (const line of this.#notes) this.#print(line);
    const passed = [...this.#files.values()].reduce((sum, tally) => sum + tally.passed, 0);
    this.#print(`\n${this.#files.size} files in ${((performance.now() - this.#begun) / 1000).toFixed(1)} s`);
    this.#print(`${passed} passed, ${this.#failures.length} failed`);
    return this.#failures.length === 0 ? 0 : 1;
  }

  #add(file: string, name: string, detail: string): void {
    this.#tally(file).failed += 1;
    this.#failures.push({ file, name: name.startsWith(this.#root) ? 'the file itself' : name, detail });
  }

  #printFailure({ file, name, detail }: Failure, before: Failure | undefined): void {
    // A hook that fails fails every test below it, with the same words.
    const again = before?.file === file && before.detail === detail;
    this.#print(`${again ? '' : '\n'}${this.#paint('31', '✗')} ${file === '' ? name : `${file}: ${name}`}`);
    if (again) return;
    this.#print(indented(detail));
    const tally = this.#files.get(file);
    if (!tally?.output) return;
    this.#print(indented(`what ${file} printed:\n${tally.output.trimEnd()}`));
    tally.output = '';
  }

  #fileOf(event: TestEvent): string {
    return relative(this.#root, event.entryFile ?? event.file ?? event.name);
  }

  #tally(file: string): Tally {
    const known = this.#files.get(file);
    if (known) return known;
    const tally: Tally = { passed: 0, failed: 0, ended: false, output: '' };
    this.#files.set(file, tally);
    return tally;
  }

  #paint(code: string, text: string): string {
    return this.#stream.isTTY && !process.env.NO_COLOR ? `\u001b[${code}m${text}\u001b[0m` : text;
  }

  #print(line: string): void {
    this.#stream.write(`${line}\n`);
  }
}

/** node:test speaks for a whole file under the file's own name when it holds no test or does not load. */
export function isTheFile(event: Pick<TestEvent, 'name' | 'file'>): boolean {
  return event.name === event.file;
}

function indented(text: string): string {
  return text.replace(/^(?=.)/gm, '    ');
}
