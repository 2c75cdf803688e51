import { readFileSync } from 'node:fs';
import { AzudError } from '../../error/azud-error.ts';
import { PLAIN_SCAN_LIMITS } from '../../limits.ts';
import type { Found } from '../json/scanner.ts';
import * as layout from './layout.ts';

const PAGE_BYTES = 64 * 1024;

interface Memory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): void;
}

interface Program {
  readonly memory: Memory;
  /** Where the event at this position of the body ends, with HAS_EXTRAS; 0 for "not sure". */
  scan(from: number): number;
}

/** What is used of WebAssembly; TypeScript has its types only with those of a browser. */
interface Engine {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: object };
}
const { WebAssembly } = globalThis as unknown as { readonly WebAssembly: Engine };

/**
 * The program and the one memory that it works in: a table and a body at a time, whoever's they are. A hundred datasets
 * take turns in it, so what one needs is all that is held.
 */
export class ScanMemory {
  readonly scan: Program['scan'];
  /** What the last scan found. */
  found: Found;
  table: Uint8Array | null = null;
  body: Uint8Array | null = null;
  readonly #memory: Memory;
  #bytes: Uint8Array;

  constructor() {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytesOfProgram()));
    const { memory, scan } = exports as Program;
    this.#memory = memory;
    this.scan = scan;
    this.#bytes = new Uint8Array(memory.buffer);
    this.found = foundIn(memory);
  }

  /** Lays a body and the table of its dataset into the memory; a body that is too large is none. */
  begin(table: Uint8Array, body: Uint8Array): void {
    this.body = null;
    if (body.length > PLAIN_SCAN_LIMITS.bodyBytesMax) return;
    const end = layout.BODY + body.length;
    // Room for a vector that is read behind the end: the zeros are what ends every loop over the body.
    this.#reserve(end + 2 * layout.VECTOR);
    this.#bytes.set(body, layout.BODY);
    this.#bytes.fill(0, end, end + layout.VECTOR);
    if (this.table !== table) this.#bytes.set(table, layout.TABLE);
    this.table = table;
    this.body = body;
  }

  #reserve(bytes: number): void {
    const missing = bytes - this.#bytes.length;
    if (missing <= 0) return;
    this.#memory.grow(Math.ceil(missing / PAGE_BYTES));
    this.#bytes = new Uint8Array(this.#memory.buffer);
    this.found = foundIn(this.#memory);
  }
}

function foundIn({ buffer }: Memory): Found {
  return {
    kinds: new Uint16Array(buffer, layout.KINDS, layout.COLUMNS_MAX),
    starts: new Int32Array(buffer, layout.STARTS, layout.COLUMNS_MAX),
    ends: new Int32Array(buffer, layout.ENDS, layout.COLUMNS_MAX),
  };
}

function bytesOfProgram(): Uint8Array {
  const path = new URL('./plain-scan.wasm', import.meta.url);
  try {
    return readFileSync(path);
  } catch (error) {
    throw new AzudError('missing-package', `${path.pathname} cannot be read`, {
      hint: 'In a checkout `node scripts/setup.mjs` makes it; the package brings it along.',
      cause: error,
    });
  }
}
