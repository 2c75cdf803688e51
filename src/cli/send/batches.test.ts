import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type FileBatch, readBatches } from './batches.ts';
import { type FileFormat, splitEvents } from './splitter.ts';

/** The bytes cut at the given places. */
async function* cut(text: string, at: readonly number[]): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text);
  const places = [0, ...at.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  for (const [i, from] of places.entries()) yield bytes.subarray(from, places[i + 1] ?? bytes.length);
}

async function split(text: string, format: FileFormat, at: readonly number[] = []): Promise<string[]> {
  const events: string[] = [];
  for await (const event of splitEvents(cut(text, at), format)) events.push(event.toString());
  return events;
}

async function batches(
  text: string,
  format: FileFormat,
  options: { at?: number[]; eventsMax?: number; bytesMax?: number } = {},
) {
  const { at = [], ...bounds } = options;
  const found: FileBatch[] = [];
  for await (const batch of readBatches(cut(text, at), { dataset: 'd', format, ...bounds })) found.push(batch);
  return found;
}

const cuts = fc.array(fc.nat(), { maxLength: 8 });

describe('a file is split into its events', () => {
  test('NDJSON: blank lines, CRLF, a byte order mark, no newline at the end', async () => {
    assert.deepEqual(await split('\ufeff{"a":1}\r\n\n  \n{"b":"ü\u2028"}', 'ndjson'), ['{"a":1}', '{"b":"ü\u2028"}']);
  });

  test('JSON: an array, nested, with brackets and quotes within strings', async () => {
    const events = ['{"a":[1,{"b":"]}\\""}]}', '{"c":"\\\\"}', '{}'];
    assert.deepEqual(await split(`[\n ${events.join(',\n ')}\n]\n`, 'json'), events);
    assert.deepEqual(await split(events.join('\n'), 'json'), events);
    assert.deepEqual(await split('[]', 'json'), []);
  });

  test('CSV: a newline within quotes belongs to its cell', async () => {
    assert.deepEqual(await split('a,b\n1,"x\n""y"""\n2,z\n', 'csv'), ['a,b', '1,"x\n""y"""', '2,z']);
  });

  test('wherever the chunks are cut', async () => {
    const text = '[{"a":"ü}\\"","b":[{}]}, {"c":[]},{"d":"{"}]';
    const whole = await split(text, 'json');
    await fc.assert(fc.asyncProperty(cuts, async (at) => assert.deepEqual(await split(text, 'json', at), whole)));
  });

  test('and what is no JSON array of objects, or ends too soon, is refused', async () => {
    await assert.rejects(split('[1, 2]', 'json'), { code: 'invalid-json' });
    await assert.rejects(split('[{"a":1}, {"b":', 'json'), { code: 'invalid-json' });
  });
});

describe('batches', () => {
  const text = Array.from({ length: 25 }, (_, n) => JSON.stringify({ n })).join('\n');

  test('are the same for the same file, wherever its chunks are cut', async () => {
    const whole = await batches(text, 'ndjson', { eventsMax: 10 });
    assert.deepEqual(
      whole.map(({ count }) => count),
      [10, 10, 5],
    );
    assert.deepEqual(
      whole.map(({ firstRow }) => firstRow),
      [1, 11, 21],
    );
    await fc.assert(
      fc.asyncProperty(cuts, async (at) =>
        assert.deepEqual(await batches(text, 'ndjson', { eventsMax: 10, at }), whole),
      ),
    );
  });

  test('have keys that change with what stands before them', async () => {
    const changed = text.replace('{"n":3}', '{"n":4}');
    const [a, b] = [
      await batches(text, 'ndjson', { eventsMax: 10 }),
      await batches(changed, 'ndjson', { eventsMax: 10 }),
    ];
    for (const [i, batch] of a.entries()) assert.notEqual(batch.key, b[i]?.key);
    assert.equal(new Set(a.map(({ key }) => key)).size, 3);
  });

  test('stay below the bound in bytes, but for one event that is above it alone', async () => {
    const sizes = (
      await batches(`${'x'.repeat(40)}\n${'y'.repeat(150)}\n${'z'.repeat(40)}\n${'z'.repeat(40)}`, 'ndjson', {
        bytesMax: 100,
      })
    ).map(({ bytes }) => bytes);
    assert.deepEqual(sizes, [41, 151, 82]);
  });

  test('of CSV begin with the header, those of JSON are arrays', async () => {
    const csv = await batches('a,b\n1,2\n3,4\n5,6\n', 'csv', { eventsMax: 2 });
    assert.deepEqual(
      csv.map(({ body }) => body.toString()),
      ['a,b\n1,2\n3,4', 'a,b\n5,6'],
    );
    const json = await batches('[{"a":1},{"a":2},{"a":3}]', 'json', { eventsMax: 2 });
    assert.deepEqual(
      json.map(({ body }) => body.toString()),
      ['[{"a":1},{"a":2}]', '[{"a":3}]'],
    );
  });
});
