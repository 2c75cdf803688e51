import assert from 'node:assert/strict';
import { AzudError } from '../../src/error/azud-error.ts';
import type { JsonSchema } from '../../src/event/dataset.ts';
import { JsonScanner } from '../../src/event/json/scanner.ts';
import { compilePlainCheck } from '../../src/event/plain-check.ts';
import { compilePlainScan, type PlainScan } from '../../src/event/plain-scan/plain-scan.ts';

/** A scan of events with these properties, and with more keywords of the schema. */
export function scanOf(properties: Record<string, unknown>, more: object = {}): PlainScan {
  const schema: JsonSchema = { type: 'object', properties, ...more };
  const columns = Object.keys(properties).map((name) => ({ name, type: 'json' as const, required: false }));
  const check = compilePlainCheck(schema, columns);
  return (check && compilePlainScan(check)) ?? assert.fail('there is no plain scan of this schema');
}

/** Where the scan says that the event ends, 0 for "not sure". */
export function endOf(scan: PlainScan, event: string | Buffer): number {
  const bytes = Buffer.from(event);
  scan.begin(bytes);
  return scan.read(bytes, 0, bytes.length);
}

export const isYes = (scan: PlainScan, event: string | Buffer): boolean =>
  endOf(scan, event) === Buffer.byteLength(event);

const scanner = new JsonScanner([]);

/** Is it one value of these kinds to the strict scanner? */
export function isPlain(value: Buffer, kinds: number): boolean {
  try {
    return (
      scanner.read(value, 0, value.length) === value.length &&
      scanner.fault === null &&
      (scanner.kind & kinds) === scanner.kind
    );
  } catch (error) {
    assert.ok(error instanceof AzudError);
    return false;
  }
}
