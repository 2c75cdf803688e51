import assert from 'node:assert/strict';
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { type FileFormat, splitEvents } from '../../../src/cli/send/splitter.ts';
import { isAzudError } from '../../../src/error/azud-error.ts';
import { decodeBatch } from '../../../src/event/codec.ts';
import { compileDataset } from '../../../src/event/validator.ts';
import { Intake } from '../../../src/intake/intake.ts';

const orders = compileDataset('orders', {
  schema: { type: 'object', properties: { n: { type: 'integer' }, s: { type: 'string' } } },
});

/** The rows that intake makes of a body, as objects; the code of the refusal where it takes none. */
async function taken(body: Buffer, type: string): Promise<readonly unknown[] | string> {
  const rows: unknown[] = [];
  const intake = new Intake({
    datasets: new Map([['orders', orders]]),
    publish: async (messages) => {
      for (const line of messages.flatMap((message) => decodeBatch(message).lines.toString().split('\n'))) {
        if (line !== '') rows.push(JSON.parse(line));
      }
      return messages.map((_, at) => ({ position: { stream: 's', offset: at + 1 } }));
    },
    clock: { now: () => 1_790_000_000_000, monotonic: () => 0, sleep: async () => {} },
  });
  try {
    const { rejected } = await intake.take({
      dataset: 'orders',
      strict: false,
      body,
      headers: { 'content-type': type },
    });
    return rejected === 0 ? rows : `rejected ${rejected}`;
  } catch (error) {
    if (isAzudError(error)) return error.code;
    throw error;
  }
}

const cell = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.constantFrom('a,b', 'a"b', 'a\nb', '\r\n', "'", '=1'),
);
// A property that is empty in CSV is missing; text that is no number is told of. Neither is what this is about.
const rows = fc.array(fc.record({ n: fc.integer(), s: cell.filter((text) => text !== '') }), {
  minLength: 1,
  maxLength: 12,
});
const ending = fc.constantFrom('\n', '\r\n');

/** Lines with blank ones between them, ended either way, are the events that were written. */
export const ndjsonLaw: fc.IRawProperty<unknown> = fc.asyncProperty(
  rows,
  ending,
  fc.boolean(),
  async (events, eol, last) => {
    const text = events.map((event) => JSON.stringify(event)).join(`${eol}${eol}`) + (last ? eol : '');
    assert.deepEqual(await taken(Buffer.from(text), 'application/x-ndjson'), events.map(plain));
  },
);

/** What csv-parse reads from the same text is what intake takes. */
export const csvLaw: fc.IRawProperty<unknown> = fc.asyncProperty(
  rows,
  ending,
  fc.boolean(),
  async (events, eol, quoted) => {
    const text = csvOf(events, eol, quoted);
    const oracle = parse(text, { columns: true, skip_empty_lines: true }) as { n: string; s: string }[];
    const expected = oracle.map(({ n, s }) => ({ n: Number(n), s }));
    assert.deepEqual(await taken(Buffer.from(text), 'text/csv'), expected.map(plain));
    assert.deepEqual(expected.map(plain), events.map(plain));
  },
);

const plain = ({ n, s }: { readonly n: number; readonly s: string }) => ({ n: n + 0, s });

function csvOf(events: readonly { n: number; s: string }[], eol: string, quoted: boolean): string {
  const field = (text: string) => (quoted || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  return [['n', 's'], ...events.map(({ n, s }) => [String(n), s])]
    .map((row) => row.map(field).join(',') + eol)
    .join('');
}

const file = fc.oneof(
  rows.map((events) => ({
    format: 'ndjson' as FileFormat,
    text: events.map((event) => JSON.stringify(event)).join('\n'),
  })),
  rows.map((events) => ({ format: 'json' as FileFormat, text: JSON.stringify(events, null, 1) })),
  fc.tuple(rows, ending).map(([events, eol]) => ({ format: 'csv' as FileFormat, text: csvOf(events, eol, false) })),
  fc.string({ unit: 'binary', maxLength: 60 }).map((text) => ({ format: 'ndjson' as FileFormat, text })),
  fc
    .string({ unit: fc.constantFrom('"', ',', '\n', '\r', 'a'), maxLength: 40 })
    .map((text) => ({ format: 'csv' as FileFormat, text })),
);

/** A file cut into chunks at any bytes gives the same events as in one piece. */
export const splitterLaw: fc.IRawProperty<unknown> = fc.asyncProperty(
  file,
  fc.array(fc.nat(200), { maxLength: 8 }),
  async ({ format, text }, cuts) => {
    const bytes = Buffer.from(text);
    const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
    const chunks = places.slice(1).map((place, at) => bytes.subarray(places[at], place));
    assert.deepEqual(await eventsOf(chunks, format), await eventsOf([bytes], format));
  },
);

async function eventsOf(chunks: readonly Buffer[], format: FileFormat): Promise<readonly string[] | string> {
  const events: string[] = [];
  try {
    for await (const event of splitEvents(stream(chunks), format)) events.push(event.toString('hex'));
    return events;
  } catch (error) {
    if (isAzudError(error)) return error.code;
    throw error;
  }
}

async function* stream(chunks: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* chunks;
}
