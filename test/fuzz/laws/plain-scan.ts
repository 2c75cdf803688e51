import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import fc from 'fast-check';
import type { JsonSchema } from '../../../src/event/dataset.ts';
import { JsonScanner } from '../../../src/event/json/scanner.ts';
import { compilePlainCheck } from '../../../src/event/plain-check.ts';
import { compilePlainScan } from '../../../src/event/plain-scan/plain-scan.ts';
import { compileSchema } from '../../../src/event/schema.ts';
import { compileDataset, createValidator } from '../../../src/event/validator.ts';
import { inTime } from '../../../src/event/watch.ts';
import { mutated } from '../edits.ts';

/** Properties of every sort that the plain scan treats apart, with values as they are written. */
interface Sort {
  readonly schema: unknown;
  readonly fit: readonly string[];
  /** Some of them fit, too, but the scan need not know it. */
  readonly odd: readonly string[];
}

const SORTS: readonly Sort[] = [
  {
    schema: { type: 'string' },
    fit: ['""', '"a"', '"ñandú 16 bytes +"', '"exactly 16 byte"', `"${'x'.repeat(40)}"`],
    odd: ['"\\n"', '1', '"'],
  },
  {
    schema: { type: ['string', 'null'], maxLength: 5 },
    fit: ['"abc"', 'null', '"abcde"'],
    odd: ['"ñandú"', '"abcdef"'],
  },
  { schema: { type: 'string', minLength: 2, maxLength: 3 }, fit: ['"ab"', '"abc"'], odd: ['"a"', '"ñ"', '"ñññ"'] },
  { schema: { type: 'integer' }, fit: ['0', '-1', '123456789012345'], odd: ['1234567890123456', '-0', '01', '1.0'] },
  { schema: { type: 'integer', minimum: 0, maximum: 1_000 }, fit: ['0', '1000', '7'], odd: ['-1', '1001', '1e2'] },
  { schema: { type: 'number' }, fit: ['0.5', '-12.25', '0.1234567890123'], odd: ['1e5', '1234567890.123456789', '1.'] },
  {
    schema: { type: 'number', exclusiveMinimum: 0.1, exclusiveMaximum: 0.7 },
    fit: ['0.3', '0.1000000000001', '0.69999'],
    odd: ['0.10', '0.7', '0.12345678901234567', '0'],
  },
  { schema: { type: 'boolean' }, fit: ['true', 'false'], odd: ['tru', 'null', 'truE', 'falsee'] },
  {
    schema: { type: 'string', format: 'date' },
    fit: ['"2026-01-31"', '"2024-02-29"'],
    odd: ['"2026-02-29"', '"0000-01-01"', '"2026-1-31"'],
  },
  {
    schema: { type: 'string', format: 'date-time', maxLength: 30 },
    fit: ['"2026-01-31T08:00:00Z"', '"2026-01-31T08:00:00.250Z"', '"2026-01-31T08:00:00+05:45"'],
    odd: ['"2026-01-31T24:00:00Z"', '"2026-01-31T08:00:00"', '"2026-01-31T08:00:00.25+16:00"'],
  },
  { schema: { enum: ['web', 'app', 'ñ'] }, fit: ['"web"', '"app"', '"ñ"'], odd: ['"we"', '"webb"', '"\\u0077eb"'] },
  { schema: { anyOf: [{ enum: ['a'] }, { type: 'null' }] }, fit: ['"a"', 'null'], odd: ['"b"', 'true'] },
  { schema: true, fit: ['1', '"a"', 'null'], odd: ['"\\n"', '{"a":[]}'] },
  // Rules that only the check knows, and those that only Ajv knows.
  { schema: { type: 'string', pattern: '^[a-z]{1,4}$', minLength: 1 }, fit: ['"abcd"', '"a"'], odd: ['"A"', '""'] },
  { schema: { type: 'string', format: 'uuid' }, fit: ['"6c84fb90-12c4-11e1-840d-7b25c5ee775a"'], odd: ['"6c84"'] },
  { schema: { type: 'integer', multipleOf: 2 }, fit: ['2', '4'], odd: ['3', '2.0'] },
  { schema: { not: { type: 'null' } }, fit: ['1', '"a"'], odd: ['null', '{"a":1}'] },
  { schema: { type: 'array' }, fit: ['[]'], odd: ['[1,"a"]', '{}'] },
  { schema: false, fit: ['1'], odd: ['null'] },
];

const NAMES = ['a', 'ab', 'abc', 'id', 'exactly_14_byt', 'exactly_16_bytes', 'ñ', 'k'.repeat(63)];

const columns = fc
  .uniqueArray(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 6 })
  .chain((names) =>
    fc.tuple(...names.map((name) => fc.record({ name: fc.constant(name), sort: fc.constantFrom(...SORTS) }))),
  );

type Columns = readonly { readonly name: string; readonly sort: Sort }[];

const STRANGERS = ['"other":1', '"abcd":"x"', '"\\u0061":1', '"":1', 'a:1', '"_a":1', '"x":[{"x":1}]', '"x":1,"x":2'];

/** A member of an event, as it is written: mostly of a column, with a value that fits. */
const memberOf = ({ name, sort }: Columns[number]): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 60, arbitrary: fc.constantFrom(...sort.fit).map((value) => `${JSON.stringify(name)}:${value}`) },
    { weight: 3, arbitrary: fc.constantFrom(...sort.odd).map((value) => `${JSON.stringify(name)}:${value}`) },
    { weight: 1, arbitrary: fc.json({ maxDepth: 1 }).map((value) => `${JSON.stringify(name)}: ${value}`) },
    { weight: 1, arbitrary: fc.constantFrom(...STRANGERS) },
  );

function eventOf(all: Columns): fc.Arbitrary<string> {
  const members = fc.shuffledSubarray([...all], { minLength: 0 }).chain((some) => fc.tuple(...some.map(memberOf)));
  const ordered = fc.tuple(...all.map(memberOf));
  const comma = fc.constantFrom(',', ',', ',', ', ', ' , ', ',,');
  return fc.tuple(fc.oneof(ordered, members), comma).map(([texts, between]) => `{${texts.join(between)}}`);
}

const given = columns.chain((all) => {
  const event = eventOf(all).map((text) => Buffer.from(text));
  return fc.record({
    all: fc.constant<Columns>(all),
    required: fc.subarray(all.map(({ name }) => name)),
    extra: fc.boolean(),
    bodies: fc.array(
      fc.record({
        event: fc.oneof(event, event, mutated(event)),
        before: fc.constantFrom('', '[', '{"a":1}\n'),
        after: fc.constantFrom('', '\n', '}', ',{"a":1}]', '"', '0'),
      }),
      { minLength: 10, maxLength: 10 },
    ),
  });
});

/**
 * Whenever the plain scan says yes, the strict scanner reads the same places and finds no fault, the plain check and Ajv say
 * yes, and a validator that was begun answers what one answers that was not. `onYes` is called for each yes.
 */
export function plainScanLaw(onYes: () => void = () => {}): fc.IRawProperty<unknown> {
  return fc.property(given, ({ all, required, extra, bodies }) => {
    const properties = Object.fromEntries(all.map(({ name, sort }) => [name, sort.schema]));
    const schema: JsonSchema = { type: 'object', properties, required, additionalProperties: extra };
    const judges = judgesOf(schema);
    for (const { event, before, after } of bodies) {
      const body = Buffer.concat([Buffer.from(before), event, Buffer.from(after)]);
      const [from, to] = [before.length, before.length + event.length];
      // Bytes that are no UTF-8 are refused before a scanner sees them.
      if (isUtf8(body) && inTime(() => agree(judges, body, { from, to }))) onYes();
    }
  });
}

type Judges = ReturnType<typeof judgesOf>;

function judgesOf(schema: JsonSchema) {
  const options = 'id' in (schema.properties as object) ? idOptions(schema) : {};
  const dataset = compileDataset('d', { schema, ...options });
  const check = compilePlainCheck(schema, dataset.columns) ?? assert.fail('every such schema has a plain check');
  return {
    check,
    scan: compilePlainScan(check) ?? assert.fail('every such schema has a plain scan'),
    scanner: new JsonScanner(dataset.columns.map(({ name }) => name)),
    validate: compileSchema(schema),
    begun: createValidator(dataset),
    strict: createValidator(dataset),
  };
}

/** Only some types may be ids. */
function idOptions(schema: JsonSchema): object {
  try {
    compileDataset('d', { schema, event_id: '/id' });
    return { event_id: '/id' };
  } catch {
    return {};
  }
}

/** True where the plain scan says yes. */
function agree(judges: Judges, body: Buffer, { from, to }: { readonly from: number; readonly to: number }): boolean {
  const { scan, scanner, check, validate, begun, strict } = judges;
  scan.begin(body);
  const end = scan.read(body, from, to);
  if (end === 0) return false;
  const text = body.toString('utf8', from, end);
  assert.equal(scanner.read(body, from, to), end, text);
  assert.deepEqual([scanner.fault, scanner.undeclared], [null, scan.extras], text);
  for (const [i, kind] of scanner.kinds.entries()) {
    assert.equal(scan.found.kinds[i], kind, text);
    if (kind === 0) continue;
    assert.deepEqual([scan.found.starts[i], scan.found.ends[i]], [scanner.starts[i], scanner.ends[i]], text);
  }
  assert.ok(check.fits(body, scanner), text);
  assert.ok(validate(JSON.parse(text)), text);
  begun.begin(body);
  assert.equal(begun.readPlain(body, from, to), end, text);
  strict.read(body, from, to);
  assert.deepEqual([begun.errors, begun.eventId, begun.extras], [strict.errors, strict.eventId, strict.extras], text);
  return true;
}
