import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import fc from 'fast-check';
import { isAzudError } from '../../../src/error/azud-error.ts';
import { JsonScanner } from '../../../src/event/json/scanner.ts';
import { JSON_LIMITS } from '../../../src/limits.ts';
import { mutated } from '../edits.ts';

/** One scanner for all: what it remembers of one event must not change its verdict of the next. */
const scanner = new JsonScanner(['a', 'n', 'id'], { reservesUnderscore: false });

const values = fc.json({ maxDepth: 5 }).map((text) => Buffer.from(text));
const spelled = fc.constantFrom(
  '{"a":1,"a":2}',
  '{"\\u0061":1,"b":"\\ud83d\\ude00"}',
  '{"n":-0.10e+5,"id":"x","list":[1,[2,[3]],{}]}',
  ' [true,false,null,"\\\\\\"\\/\\b\\f\\n\\r\\t"] ',
  '{"n":12345678901234567890.5}',
);
const bytes = fc.oneof(values, mutated(values), mutated(spelled.map((text) => Buffer.from(text))));

/** What we say is JSON, `JSON.parse` says too, with the same value; what it says, we say too, or we name the reason. */
export const scannerLaw: fc.IRawProperty<unknown> = fc.property(bytes, (given) => {
  // Bytes that are no UTF-8 are refused before a scanner sees them.
  if (!isUtf8(given)) return;
  const text = given.toString();
  const parsed = parse(text);
  const verdict = scan(given);
  if (verdict === 'invalid-json') assert.equal(parsed.ok, false, text);
  else if (verdict === 'ok') assert.ok(parsed.ok, text);
  else if (verdict === 'too-deep') assert.ok(depthOf(text) > JSON_LIMITS.depthMax, text);
  else assert.ok(parsed.ok, `${verdict}: ${text}`);
  if (verdict === 'ok' && parsed.ok) samePlaces(given, parsed.value);
});

function scan(given: Buffer): string {
  try {
    scanner.expectEnd(given, scanner.read(given, 0, given.length), given.length);
    return scanner.fault?.code ?? 'ok';
  } catch (error) {
    if (isAzudError(error)) return error.code;
    throw error;
  }
}

type Parsed = { readonly ok: true; readonly value: unknown } | { readonly ok: false };

function parse(text: string): Parsed {
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch {
    return { ok: false };
  }
}

/** The bytes that the scanner reports for a declared name are that member's value. */
function samePlaces(given: Buffer, value: unknown): void {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return;
  for (const [index, name] of ['a', 'n', 'id'].entries()) {
    assert.equal(scanner.has(index), Object.hasOwn(value, name), name);
    if (!scanner.has(index)) continue;
    const text = given.toString('utf8', scanner.starts[index], scanner.ends[index]);
    assert.deepEqual(JSON.parse(text), (value as Record<string, unknown>)[name]);
  }
}

function depthOf(text: string): number {
  let depth = 0;
  let most = 0;
  for (const character of text) {
    if (character === '{' || character === '[') depth += 1;
    if (character === '}' || character === ']') depth -= 1;
    most = Math.max(most, depth);
  }
  return most;
}
