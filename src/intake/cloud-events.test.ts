import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CloudEvent, HTTP } from 'cloudevents';
import { AzudError, isAzudError } from '../error/azud-error.ts';
import type { Batch, Message } from '../event/batch.ts';
import { decodeBatch } from '../event/codec.ts';
import { cloudEventId } from '../event/ids.ts';
import { compileDataset } from '../event/validator.ts';
import { Intake, type IntakeRequest } from './intake.ts';

const datasetOf = (name: string, declaration = {}) =>
  compileDataset(name, {
    schema: { type: 'object', required: ['n'], properties: { n: { type: 'integer' }, t: { type: 'string' } } },
    ...declaration,
  });
const datasets = [datasetOf('flights'), datasetOf('clients'), datasetOf('tickets', { event_id: '/n' })];

function setUp() {
  const messages: Message[] = [];
  const intake = new Intake({
    datasets: new Map(datasets.map((dataset) => [dataset.name, dataset])),
    publish: async (published) => {
      messages.push(...published);
      return published.map(() => ({ position: null }));
    },
    clock: { now: () => 1_790_000_000_000, monotonic: () => 0, sleep: async () => {} },
  });
  const take = (body: unknown, more: Partial<IntakeRequest> = {}) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const type = Array.isArray(body) ? 'application/cloudevents-batch+json' : 'application/cloudevents+json';
    return intake.take({
      dataset: 'flights',
      strict: false,
      ...more,
      headers: { 'content-type': type, ...more.headers },
      body: Buffer.from(text),
    });
  };
  const batches = (): Batch[] => messages.map(decodeBatch);
  return { take, batches };
}

const event = (more: object = {}) => ({
  specversion: '1.0',
  id: 'e1',
  source: '/s',
  type: 'cl.azud.flights',
  data: { n: 1 },
  ...more,
});
const binary = (more: Record<string, string> = {}) => ({
  'content-type': 'application/json',
  'ce-specversion': '1.0',
  'ce-id': 'e1',
  'ce-source': '/s',
  'ce-type': 'flights',
  ...more,
});

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const thrown = await promise.then(
    () => null,
    (error: unknown) => error,
  );
  assert.ok(isAzudError(thrown), String(thrown));
  return thrown.code;
}

describe('intake of CloudEvents', () => {
  it('stores the data, and makes the id of source and id', async () => {
    const { take, batches } = setUp();
    await take(
      `{"specversion":"1.0","id":"e1","source":"/s","type":"x","data":{ "n": 12345678901234567890 },"_ext":1}`,
    );
    assert.equal(batches()[0]?.lines.toString(), '{ "n": 12345678901234567890 }\n');
    assert.deepEqual(batches()[0]?.ids, [cloudEventId('/s', 'e1')]);
  });

  it('lets the event_id pointer of the dataset win', async () => {
    const { take, batches } = setUp();
    await take(event(), { dataset: 'tickets' });
    assert.deepEqual(batches()[0]?.ids, ['1']);
  });

  it('chooses the dataset by the type, or by its last part', async () => {
    for (const type of ['flights', 'cl.azud.flights', 'a.b.c.flights']) {
      const { take } = setUp();
      assert.equal((await take(event({ type }), { dataset: null })).dataset, 'flights');
    }
    for (const type of ['nope', 'flights.nope', '__proto__', 'flights.']) {
      assert.equal(await codeOf(setUp().take(event({ type }), { dataset: null })), 'dataset-not-found');
    }
  });

  it('takes events of several datasets as one transaction', async () => {
    const { take, batches } = setUp();
    const asked: string[] = [];
    const body = [event(), event({ id: 'e2', type: 'clients' }), event({ id: 'e3', data: {} }), event({ id: 'e4' })];
    const result = await take(body, { dataset: null, allow: (dataset) => asked.push(dataset) });
    assert.deepEqual([result.dataset, result.accepted, result.rejected], [null, 3, 1]);
    assert.deepEqual(
      batches().map(({ dataset, transactionId, ids, rows }) => ({ dataset, transactionId, ids, rows })),
      [
        { dataset: 'flights', transactionId: result.transactionId, ids: ['/s#e1', '/s#e4'], rows: [1, 4] },
        { dataset: 'clients', transactionId: result.transactionId, ids: ['/s#e2'], rows: [2] },
      ],
    );
    assert.deepEqual(
      batches()[0]?.rejects.map(({ row, eventId, original }) => [row, eventId, original.toString()]),
      [[3, '/s#e3', '{}']],
    );
    assert.deepEqual(asked, ['flights', 'clients', 'flights', 'flights']);
  });

  it('keeps nothing when the caller may not write to one of the datasets', async () => {
    const { take, batches } = setUp();
    const allow = (dataset: string) => {
      if (dataset === 'clients') throw new AzudError('forbidden', 'no');
    };
    assert.equal(await codeOf(take([event(), event({ type: 'clients' })], { dataset: null, allow })), 'forbidden');
    assert.deepEqual(batches(), []);
  });

  it('refuses one that is not valid', async () => {
    const cases: readonly (readonly [unknown, string])[] = [
      [event({ specversion: '0.3' }), 'invalid-cloudevent'],
      [event({ id: '' }), 'invalid-cloudevent'],
      [event({ id: 5 }), 'invalid-cloudevent'],
      [event({ id: 'a\u0000' }), 'invalid-cloudevent'],
      [event({ source: undefined }), 'invalid-cloudevent'],
      [event({ type: undefined }), 'invalid-cloudevent'],
      [event({ data: undefined }), 'invalid-cloudevent'],
      [event({ datacontenttype: 'text/xml' }), 'invalid-cloudevent'],
      [event({ data_base64: 'e30=' }), 'invalid-cloudevent'],
      [event({ data: undefined, data_base64: '!' }), 'invalid-cloudevent'],
      [event({ data: [1] }), 'not-an-event'],
      [event({ data: {} }), 'schema-violation'],
      [[], 'not-an-event'],
      [[5], 'not-an-event'],
      ['[]', 'not-an-event'],
      ['{"id":"a","id":"b"}', 'duplicate-key'],
      [`${JSON.stringify(event())}x`, 'invalid-json'],
    ];
    for (const [body, code] of cases) assert.equal(await codeOf(setUp().take(body)), code, JSON.stringify(body));
    const { take } = setUp();
    assert.equal(
      await codeOf(take('{}', { headers: { 'content-type': 'application/cloudevents-batch+json' } })),
      'not-an-event',
    );
    assert.equal(await codeOf(take(event({ type: undefined }), { dataset: null })), 'invalid-cloudevent');
    assert.equal(
      await codeOf(take('{"n":1}', { dataset: null, headers: { 'content-type': 'application/json' } })),
      'unsupported-media-type',
    );
  });

  it('takes data in base64', async () => {
    const { take, batches } = setUp();
    await take(event({ data: undefined, data_base64: Buffer.from('{"n":7}').toString('base64') }));
    assert.equal(batches()[0]?.lines.toString(), '{"n":7}\n');
  });

  it('takes binary mode with percent-encoded headers', async () => {
    const { take, batches } = setUp();
    await take('{"n":1}', { dataset: null, headers: binary({ 'ce-source': '/a%20%C3%B1' }) });
    assert.deepEqual(batches()[0]?.ids, ['/a ñ#e1']);
  });

  it('refuses binary mode with bad headers or a bad body', async () => {
    assert.equal(
      await codeOf(setUp().take('{"n":1}', { headers: binary({ 'ce-source': '%zz' }) })),
      'invalid-cloudevent',
    );
    assert.equal(
      await codeOf(setUp().take('{"n":1}', { headers: binary({ 'ce-specversion': '2.0' }) })),
      'invalid-cloudevent',
    );
    assert.equal(
      await codeOf(setUp().take('{"n":1}', { headers: binary({ 'content-type': 'text/plain' }) })),
      'unsupported-media-type',
    );
    assert.equal(await codeOf(setUp().take('{"n":', { headers: binary() })), 'invalid-json');
    assert.equal(await codeOf(setUp().take('[{"n":1}]', { headers: binary() })), 'not-an-event');
  });

  it('takes what the npm package cloudevents sends, in all three modes', async () => {
    const { take, batches } = setUp();
    const sent = new CloudEvent({
      id: 'ñ 1',
      source: '/s',
      type: 'cl.azud.flights',
      subject: 'x',
      ext: 'y',
      data: { n: 5, t: 'é "q" 💧' },
    });
    const structured = HTTP.structured(sent);
    const flat = HTTP.binary(sent);
    for (const message of [structured, flat]) {
      await take(String(message.body), { dataset: null, headers: message.headers as Record<string, string> });
    }
    await take(`[${structured.body}]`, {
      dataset: null,
      headers: { 'content-type': 'application/cloudevents-batch+json' },
    });
    assert.equal(batches().length, 3);
    for (const batch of batches()) {
      assert.deepEqual(JSON.parse(batch.lines.toString()), { n: 5, t: 'é "q" 💧' });
      assert.equal(batch.dataset, 'flights');
    }
    assert.deepEqual(new Set(batches().map((batch) => batch.ids?.[0])), new Set(['/s#ñ 1']));
  });

  it('tells of what is no CloudEvent once, not by each attribute that it lacks', async () => {
    const { take } = setUp();
    const refused = await take('[1]', { headers: { 'content-type': 'application/cloudevents+json' } }).then(
      () => assert.fail('it was taken'),
      (error: unknown) => error,
    );
    assert.ok(isAzudError(refused, 'not-an-event'));
    assert.deepEqual(
      refused.errors.map(({ message }) => message),
      ['a CloudEvent must be a JSON object'],
    );
  });
});
