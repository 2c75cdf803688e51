import { CATALOGUE, type ErrorCode, type ErrorEntry, rowCode } from './catalogue.ts';

/** One thing wrong with one row of a request, or one line of a file. */
export interface RowError {
  /** Counts from 1. Absent when the error is about the whole. */
  readonly row?: number;
  /** JSON Pointer into the event, `''` for the event itself. */
  readonly path: string;
  /** Row spelling of a catalogue code, e.g. `schema_violation`. */
  readonly code: string;
  readonly message: string;
}

export interface AzudErrorOptions {
  readonly cause?: unknown;
  readonly errors?: readonly RowError[];
  /** Seconds for Retry-After. */
  readonly retryAfterSeconds?: number;
  /** Replaces the catalogue's hint where a better one is known. */
  readonly hint?: string;
  /** JSON Pointer or parameter the error is about. */
  readonly path?: string;
  /** Extra response headers, e.g. Allow. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** The one error type that crosses rooms. `message` says what happened to what; the code says the rest. */
export class AzudError extends Error {
  readonly code: ErrorCode;
  readonly errors: readonly RowError[];
  readonly retryAfterSeconds: number | undefined;
  readonly path: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly #hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: AzudErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AzudError';
    this.code = code;
    this.errors = options.errors ?? [];
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.path = options.path;
    this.headers = options.headers ?? {};
    this.#hint = options.hint;
  }

  get entry(): ErrorEntry {
    return CATALOGUE[this.code];
  }

  get hint(): string {
    return this.#hint ?? this.entry.hint;
  }

  /** The same error as one line of `errors[]`. */
  toRowError(row: number): RowError {
    return { row, path: this.path ?? '', code: rowCode(this.code), message: this.message };
  }
}

export function isAzudError(error: unknown, code?: ErrorCode): error is AzudError {
  return error instanceof AzudError && (code === undefined || error.code === code);
}

/** The words of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
