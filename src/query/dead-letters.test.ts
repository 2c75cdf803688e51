import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { eventually } from '../../test/support/eventually.ts';
import { batchOf, DATASETS, type Flow, openFlow, writeAll } from '../../test/support/flow.ts';
import { AzudError, isAzudError } from '../error/azud-error.ts';
import type { Reject } from '../event/batch.ts';
import { uuidV7 } from '../event/ids.ts';
import { compileDataset } from '../event/validator.ts';
import { systemClock } from '../lib/clock.ts';
import { INTAKE_LIMITS } from '../limits.ts';
import type { Fields } from '../telemetry/log.ts';
import { silentLog } from '../telemetry/log.ts';
import { Commits } from './commits.ts';
import { Conservation } from './conservation.ts';
import { DeadLetters } from './dead-letters.ts';
import { Receipts } from './receipts.ts';

const ASKED = { actor: 'operator', signal: new AbortController().signal };
const body = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
const NONE = Buffer.alloc(0);

let flow: Flow;
let letters: DeadLetters;
let audit: Fields[];
beforeEach(async () => {
  flow = await openFlow();
  audit = [];
  const log = { ...silentLog, info: (_: string, fields?: Fields) => void audit.push(fields ?? {}) };
  letters = new DeadLetters({ ...flow, datasets: DATASETS, cursorKey: Buffer.alloc(32, 1), clock: systemClock, log });
});
afterEach(() => flow.close());

/** Ids in the order in which they are made. */
let made = 0;
function nextId(): string {
  made += 1;
  return `019a0000-0000-7000-8000-${String(made).padStart(12, '0')}`;
}

function reject(row: number, original: string | Buffer, more: Partial<Reject> = {}): Reject {
  return {
    id: nextId(),
    row,
    code: 'schema_violation',
    message: '/flight must be an integer',
    path: '/flight',
    original: Buffer.from(original),
    eventId: null,
    ...more,
  };
}

/** A transaction of one good event and these dead letters, written. */
async function die(rejects: Reject[], more = {}) {
  const batch = batchOf([{ flight: 0 }], { rejects, ...more });
  await flow.publish(batch);
  await writeAll(flow);
  return batch;
}

const balanced = async () => assert.ok((await new Conservation(flow).report()).balanced);
const receipt = async (id: string) =>
  (await new Receipts({ ...flow, commits: new Commits(systemClock), clock: systemClock }).of(id, ASKED)).counts;
const idsOf = async (query: string) =>
  (await letters.list(new URLSearchParams(query), ASKED.signal)).data.map(({ id }) => id);
const rowsOf = (dataset = 'flights') => [...(flow.data.rows.get(dataset)?.values() ?? [])];

describe('dead letters', () => {
  test('are listed newest first and those of one batch as they were sent, filtered, a page at a time', async () => {
    const old = reject(2, 'x', { code: 'invalid_json' });
    const young = [3, 1, 2].map((row) => reject(row, '{}'));
    const first = await die([old], { receivedAt: 1_000 });
    await die(young, { receivedAt: 2_000 });
    const newest = young.toSorted((a, b) => a.row - b.row).map(({ id }) => id);
    assert.deepEqual(await idsOf(''), [...newest, old.id]);
    assert.deepEqual(await idsOf('code=invalid_json'), [old.id]);
    assert.deepEqual(await idsOf('since=1970-01-01T00:00:02Z'), newest);
    assert.deepEqual(await idsOf(`transaction_id=${first.transactionId}`), [old.id]);
    assert.deepEqual(await idsOf('dataset=clients'), []);
    const page = await letters.list(new URLSearchParams('limit=2'), ASKED.signal);
    assert.deepEqual(await idsOf(`limit=2&cursor=${page.next}`), [newest[2], old.id]);
    assert.equal('original' in (page.data[0] ?? {}), false);
    for (const query of [
      'since=yesterday',
      'state=x',
      'transaction_id=1',
      'limit=0',
      'codes=1',
      'cursor=x',
      `code=a&cursor=${page.next}`,
    ]) {
      await assert.rejects(
        idsOf(query),
        { code: query.includes('cursor') ? 'invalid-cursor' : 'invalid-parameter' },
        query,
      );
    }
  });

  test('show their bytes, as text where they are UTF-8', async () => {
    const [text, bytes] = [reject(2, '{"flight":"ñ"}'), reject(3, Buffer.from([0xff, 0xfe]))];
    await die([text, bytes]);
    const shown = await letters.show(text.id.toUpperCase(), ASKED.signal);
    assert.deepEqual(
      [shown.original, shown.encoding, shown.stage, shown.row],
      ['{"flight":"ñ"}', 'utf-8', 'intake', 2],
    );
    assert.deepEqual((await letters.show(bytes.id, ASKED.signal)).original, '//4=');
    for (const id of ['x', uuidV7(1)])
      await assert.rejects(letters.show(id, ASKED.signal), { code: 'dead-letter-not-found' });
  });
});

describe('a replay', () => {
  test('of a corrected event keeps its id, its transaction and its time, and the sums', async () => {
    const letter = reject(2, '{"flight":"x"}', { eventId: 'event-7' });
    const batch = await die([letter], { receivedAt: 5_000 });
    const answer = await letters.replay(letter.id, body('{"event": {"flight": 12345678901234567890}}'), ASKED);
    const { transactionId } = batch;
    assert.deepEqual(answer, {
      id: letter.id,
      dataset: 'flights',
      transaction_id: transactionId,
      event_id: 'event-7',
      state: 'queued',
    });
    assert.deepEqual(await receipt(transactionId), { accepted: 2, stored: 1, duplicate: 0, dead: 1, queued: 0 });
    await balanced();
    await writeAll(flow);
    assert.deepEqual(await receipt(transactionId), { accepted: 2, stored: 2, duplicate: 0, dead: 0, queued: 0 });
    await balanced();
    const row = rowsOf().find((each) => each.get('_event_id') === 'event-7');
    assert.equal(row?.get('flight'), 12345678901234567890n);
    assert.equal(row?.get('_transaction_id'), transactionId);
    assert.equal(row?.get('_received_at'), '1970-01-01T00:00:05.000Z');
    await assert.rejects(letters.show(letter.id, ASKED.signal), { code: 'dead-letter-not-found' });
    assert.deepEqual(audit, [
      { action: 'dead letter replayed', actor: 'operator', id: letter.id, dataset: 'flights', corrected: true },
    ]);
  });

  test('that still does not fit is refused with the errors, and changes nothing', async () => {
    const letter = reject(2, '{"flight":"x"}');
    await die([letter]);
    for (const sent of [NONE, body({ event: { flight: 1.5 } }), body('{"event":{"flight":1,"flight":2}}')]) {
      await assert.rejects(
        letters.replay(letter.id, sent, ASKED),
        (error) => isAzudError(error) && error.entry.status >= 400,
      );
    }
    await assert.rejects(letters.replay(letter.id, body({ event: {} }), ASKED), (error) => {
      assert.ok(isAzudError(error, 'schema-violation'));
      assert.equal(error.errors[0]?.path, '/flight');
      return true;
    });
    assert.deepEqual(await idsOf(''), [letter.id]);
    assert.deepEqual(audit, []);
  });

  test('sent twice is stored once', async () => {
    const letter = reject(2, '{}');
    const { transactionId } = await die([letter]);
    const sent = body({ event: { flight: 1 } });
    await Promise.all([letters.replay(letter.id, sent, ASKED), letters.replay(letter.id, sent, ASKED)]);
    await writeAll(flow);
    assert.deepEqual(await receipt(transactionId), { accepted: 2, stored: 2, duplicate: 0, dead: 0, queued: 0 });
    await balanced();
  });

  test('that waits tells what became of it', async () => {
    const [good, twin] = [reject(2, '{}', { eventId: 'e' }), reject(3, '{}', { eventId: 'e' })];
    await die([good, twin]);
    const waiting = { ...ASKED, waitMs: 10_000 };
    const states: string[] = [];
    for (const { id } of [good, twin]) {
      const replay = letters.replay(id, body({ event: { flight: 1 } }), waiting);
      const waits = async () => assert.notEqual((await flow.broker.backlog(await flow.store.progress())).messages, 0);
      const written = eventually(waits).then(() => writeAll(flow));
      states.push((await replay).state);
      await written;
    }
    assert.deepEqual(states, ['stored', 'duplicate']);
    await balanced();
  });

  test('says when it could not be published', async () => {
    const letter = reject(2, '{"flight":1}');
    await die([letter]);
    const full = new AzudError('storage-full', 'the disk is full');
    const failing = new DeadLetters({
      ...flow,
      broker: { publish: async (messages) => messages.map(() => ({ error: full })) },
      cursorKey: Buffer.alloc(32),
      clock: systemClock,
      log: silentLog,
    });
    await assert.rejects(failing.replay(letter.id, NONE, ASKED), { code: 'storage-full' });
  });
});

describe('a replay of many', () => {
  test('tells in a dry run how many would pass and why the rest would not, and then does it', async () => {
    const rejects = Array.from({ length: 250 }, (_, n) =>
      reject(n + 2, JSON.stringify({ flight: n % 5 ? String(n) : n })),
    );
    const broken = reject(300, '{"flight":1,"flight":2}', { code: 'duplicate_key' });
    const { transactionId } = await die([...rejects, broken]);
    const request = {
      filter: { dataset: 'flights' },
      patch: [{ op: 'replace', path: '/flight', value: 1.5 }],
      dry_run: true,
    };
    const dry = await letters.replayMany(body(request), ASKED);
    assert.deepEqual([dry.matched, dry.would_pass, dry.failed], [251, 0, 251]);
    assert.equal(dry.reasons[0]?.count, 250);
    assert.equal(dry.reasons[1]?.code, 'duplicate_key');
    const mended = { ...request, patch: [{ op: 'replace', path: '/flight', value: 15 }] };
    const wouldPass = await letters.replayMany(body(mended), ASKED);
    assert.deepEqual([wouldPass.would_pass, wouldPass.failed], [250, 1]);
    assert.equal((await idsOf('limit=1000')).length, 251, 'a dry run changes nothing');
    const done = await letters.replayMany(body({ ...mended, dry_run: false }), ASKED);
    assert.deepEqual([done.replayed, done.failed], [250, 1]);
    await balanced();
    await writeAll(flow);
    assert.deepEqual(await receipt(transactionId), { accepted: 252, stored: 251, duplicate: 0, dead: 1, queued: 0 });
    await balanced();
    assert.deepEqual(await idsOf(''), [broken.id]);
  });

  test('without a patch tries each as it is', async () => {
    await die([reject(2, '{"flight":"x"}'), reject(3, '{"flight":3}')]);
    const { matched, replayed, failed } = await letters.replayMany(body({}), ASKED);
    assert.deepEqual([matched, replayed, failed], [2, 1, 1]);
  });

  test('lets others have their turn after each check that lasts, and ends when nobody waits for it any more', async () => {
    const trap = compileDataset('flights', {
      schema: { type: 'object', properties: { origin: { type: 'string', pattern: '^(a+)+$' } } },
    });
    await die([2, 3, 4].map((row) => reject(row, JSON.stringify({ origin: `${'a'.repeat(60)}!` }))));
    const stop = new AbortController();
    const turns: number[] = [];
    const sleep = async (ms: number) => {
      turns.push(ms);
      if (turns.length === 2) stop.abort();
    };
    const options = { ...flow, datasets: new Map([['flights', trap]]), cursorKey: Buffer.alloc(32, 1), log: silentLog };
    const slow = new DeadLetters({ ...options, clock: { ...systemClock, sleep } });
    const patch = [{ op: 'add', path: '/delay', value: 1 }];
    const replay = slow.replayMany(body({ patch, dry_run: true }), { ...ASKED, signal: stop.signal });
    await assert.rejects(replay, { name: 'AbortError' });
    assert.equal(turns.length, 2);
    // One check for each letter: a patch asks of what was there before only whether it can be read.
    for (const ms of turns) assert.ok(ms >= INTAKE_LIMITS.checkMsMax && ms < 2 * INTAKE_LIMITS.checkMsMax, `${ms} ms`);
  });

  test('refuses a body that is not one', async () => {
    const bodies = [
      '',
      '[]',
      '{',
      '{"filter":1}',
      '{"filter":{"data":"x"}}',
      '{"filter":{"code":1}}',
      '{"dry_run":"yes"}',
      '{"patch":{}}',
      '{"dryrun":true}',
      '{"filter":{},"filter":{}}',
      '\xff',
    ];
    for (const text of bodies) {
      await assert.rejects(
        letters.replayMany(Buffer.from(text, 'latin1'), ASKED),
        (error) => isAzudError(error) && error.entry.status < 500 && error.code !== 'not-found',
        text,
      );
    }
  });
});

describe('a discard', () => {
  test('closes letters with the reason; they stay dead in every sum', async () => {
    const [first, second, third] = [
      reject(2, '{"flight":1}'),
      reject(3, '{}'),
      reject(4, '{}', { code: 'invalid_json' }),
    ];
    const { transactionId } = await die([first, second, third]);
    assert.deepEqual(await letters.discard(body({ ids: [first.id, first.id], reason: 'test data' }), ASKED), {
      matched: 1,
      discarded: 1,
    });
    assert.deepEqual(await letters.discard(body({ filter: { code: 'invalid_json' }, reason: 'junk' }), ASKED), {
      matched: 1,
      discarded: 1,
    });
    await writeAll(flow);
    assert.deepEqual(await idsOf(''), [second.id]);
    assert.deepEqual((await idsOf('state=discarded')).sort(), [first.id, third.id].sort());
    assert.equal((await idsOf('state=any')).length, 3);
    const shown = await letters.show(first.id, ASKED.signal);
    assert.deepEqual([shown.state, shown.reason], ['discarded', 'test data']);
    assert.deepEqual(await receipt(transactionId), { accepted: 4, stored: 1, duplicate: 0, dead: 3, queued: 0 });
    await assert.rejects(letters.replay(first.id, NONE, ASKED), { code: 'already-discarded' });
    assert.deepEqual(await letters.discard(body({ ids: [first.id], reason: 'again' }), ASKED), {
      matched: 1,
      discarded: 0,
    });
    await balanced();
    assert.equal(audit.length, 3);
  });

  test('needs a reason, and ids or a filter', async () => {
    const id = uuidV7(1);
    const bodies: unknown[] = [
      { ids: [id] },
      { ids: [id], reason: ' ' },
      { reason: 'x' },
      { ids: [], reason: 'x' },
      { ids: ['x'], reason: 'x' },
      { ids: [id], filter: {}, reason: 'x' },
    ];
    for (const each of bodies) await assert.rejects(letters.discard(body(each), ASKED), { code: 'invalid-parameter' });
    await assert.rejects(letters.discard(body({ ids: [id], reason: 'x' }), ASKED), { code: 'dead-letter-not-found' });
  });
});
