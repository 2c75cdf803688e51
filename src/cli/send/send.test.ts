import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { Clock } from '../../lib/clock.ts';
import { runCli } from '../cli.ts';
import { Output } from '../output.ts';

/** Time that passes at once when somebody waits for it. */
function fastClock(): Clock {
  let time = 0;
  return {
    now: () => time,
    monotonic: () => time,
    sleep: async (ms) => {
      time += ms;
      // Lets sockets have their turn.
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

interface Call {
  /** From 0. */
  readonly number: number;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly body: Buffer;
}
type Behaviour = (call: Call) => boolean;

/** An intake that keeps what it took in by key, as Azud does: a key seen twice is the same transaction. */
class FakeIntake {
  readonly batches = new Map<string, readonly { n: number }[]>();
  readonly transactions = new Set<string>();
  calls = 0;
  /** Answers true when it has dealt with the call itself. */
  behaviour: Behaviour = () => false;
  readonly #server: Server = createServer((request, response) => void this.#take(request, response));

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get numbers(): number[] {
    return [...this.batches.values()].flatMap((events) => events.map(({ n }) => n)).sort((a, b) => a - b);
  }

  async open(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method === 'GET') {
      const known = this.transactions.has(String(request.url?.split('/').at(-1)));
      return void response.writeHead(known ? 200 : 404).end('{}');
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    if (this.behaviour({ number: this.calls++, request, response, body })) return;
    this.keep(request, body);
    response.writeHead(202, { 'content-type': 'application/json' });
    const count = this.batches.get(String(request.headers['idempotency-key']))?.length ?? 0;
    const id = randomUUID();
    this.transactions.add(id);
    response.end(JSON.stringify({ transaction_id: id, dataset: 'd', accepted: count, rejected: 0, errors: [] }));
  }

  /** As when its data directory is removed. */
  wipe(): void {
    this.batches.clear();
    this.transactions.clear();
  }

  keep(request: IncomingMessage, body: Buffer): void {
    const events = body
      .toString()
      .split('\n')
      .map((line) => JSON.parse(line) as { n: number });
    this.batches.set(String(request.headers['idempotency-key']), events);
  }
}

let folder: string;
let intake: FakeIntake;
const EVENTS = 12_345;
const ALL = Array.from({ length: EVENTS }, (_, n) => n);

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'azud-send-'));
  intake = new FakeIntake();
  await intake.open();
  await writeFile(join(folder, 'events.ndjson'), ALL.map((n) => JSON.stringify({ n })).join('\n'));
});
afterEach(() => {
  intake.wipe();
  intake.behaviour = () => false;
  intake.calls = 0;
});
after(async () => {
  await intake.close();
  await rm(folder, { recursive: true });
});

async function send(args: readonly string[] = [], signal = new AbortController().signal, file = 'events.ndjson') {
  let stdout = '';
  let stderr = '';
  const exit = await runCli(['send', 'd', file, '--url', intake.url, ...args], {
    env: { XDG_STATE_HOME: join(folder, 'state') },
    folder,
    stdin: process.stdin,
    out: new Output({
      stdout: { write: (text) => (stdout += text) },
      stderr: { write: (text) => (stderr += text) },
      plain: true,
    }),
    clock: fastClock(),
    signal,
  });
  return { exit, stdout, stderr };
}

const journals = async () => readdir(join(folder, 'state', 'azud')).catch(() => []);

describe('azud send', () => {
  test('sends every event once, in batches of at most 1,000', async () => {
    const { exit, stdout, stderr } = await send(['--json']);
    assert.equal(exit, 0, stderr);
    assert.deepEqual(intake.numbers, ALL);
    assert.equal(intake.batches.size, 13);
    assert.equal((JSON.parse(stdout) as { accepted: number }).accepted, EVENTS);
    assert.match(stderr, /12,345 accepted · 0 rejected · 13 transactions/);
    assert.deepEqual(await journals(), []);
  });

  test('sends the same keys when it is run again', async () => {
    await send();
    const keys = [...intake.batches.keys()];
    await send();
    assert.deepEqual([...intake.batches.keys()], keys);
    assert.equal(intake.calls, 26);
  });

  test('sends what is in a gzip file, in pieces or not, with the keys of the plain file', async () => {
    const text = ALL.map((n) => JSON.stringify({ n })).join('\n');
    const cut = text.indexOf('\n', text.length / 2) + 1;
    await writeFile(join(folder, 'events.ndjson.gz'), [gzipSync(text.slice(0, cut)), gzipSync(text.slice(cut))]);
    await send();
    const keys = [...intake.batches.keys()].sort();
    intake.wipe();
    const { exit, stderr } = await send([], undefined, 'events.ndjson.gz');
    assert.equal(exit, 0, stderr);
    assert.deepEqual(intake.numbers, ALL);
    assert.deepEqual([...intake.batches.keys()].sort(), keys);
  });

  test('goes on through 429, 503, cut connections and answers that are lost, and stores nothing twice', async () => {
    intake.behaviour = ({ number: call, request, response, body }) => {
      if (call % 4 === 0) {
        response.writeHead(call % 8 === 0 ? 429 : 503, { 'retry-after': '2' }).end('{}');
        return true;
      }
      if (call % 4 === 1) {
        request.socket.destroy();
        return true;
      }
      if (call % 4 === 2) {
        // Stored, but nobody hears of it.
        intake.keep(request, body);
        response.writeHead(202, { 'content-length': '1000' });
        response.write('{"transaction_id"');
        response.socket?.end();
        return true;
      }
      return false;
    };
    const { exit, stderr } = await send(['--patience', '500']);
    assert.equal(exit, 0, stderr);
    assert.deepEqual(intake.numbers, ALL);
    assert.match(stderr, /trying again in/);
  });

  test('goes on from where it was stopped', async () => {
    const stop = new AbortController();
    intake.behaviour = ({ number }) => {
      if (number === 6) stop.abort();
      return false;
    };
    assert.equal((await send([], stop.signal)).exit, 75);
    assert.equal((await journals()).length, 1);
    const before = intake.calls;
    const { exit, stderr } = await send();
    assert.equal(exit, 0, stderr);
    assert.match(stderr, /batches were sent before/);
    assert.ok(intake.calls - before < 13, 'what was acknowledged is not sent again');
    assert.deepEqual(intake.numbers, ALL);
    assert.deepEqual(await journals(), []);
  });

  test('sends all of it where its state cannot be kept, and says so once', async () => {
    const state = join(folder, 'state');
    await rm(state, { recursive: true, force: true });
    await writeFile(state, 'a file where the folder belongs');
    const { exit, stderr } = await send().finally(() => rm(state));
    assert.equal(exit, 0, stderr);
    assert.equal(stderr.match(/cannot be kept in .*sends the file from its beginning/g)?.length, 1);
    assert.deepEqual(intake.numbers, ALL);
  });

  test('sends everything when the server has lost what an earlier run sent', async () => {
    const stop = new AbortController();
    intake.behaviour = ({ number }) => {
      if (number === 6) stop.abort();
      return false;
    };
    assert.equal((await send([], stop.signal)).exit, 75);
    assert.equal((await journals()).length, 1);
    intake.wipe();
    const { exit, stderr } = await send();
    assert.equal(exit, 0, stderr);
    assert.match(stderr, /sending the file from its beginning/);
    assert.deepEqual(intake.numbers, ALL);
  });

  test('gives up when patience ends, with exit code 69 or 75 and the way on', async () => {
    intake.behaviour = ({ response }) => {
      response
        .writeHead(503, { 'content-type': 'application/problem+json' })
        .end('{"code":"overloaded","detail":"full"}');
      return true;
    };
    const { exit, stderr } = await send(['--patience', '0.1']);
    assert.equal(exit, 75);
    // Four are on their way; the waits decide which of them gives up first.
    assert.match(stderr, /rows [0-3]?0*1 to \d000: full/);
  });

  test('stops at once at a refusal that waiting does not mend', async () => {
    intake.behaviour = ({ response }) => {
      response.writeHead(404).end('{"code":"dataset-not-found","detail":"there is no dataset d"}');
      return true;
    };
    const { exit, stderr } = await send();
    assert.equal(exit, 1);
    assert.match(stderr, /there is no dataset d/);
    assert.ok(intake.calls <= 4);
  });

  test('tells of a row that was alone in its request and refused: nothing of it was kept', async () => {
    await writeFile(join(folder, 'alone.ndjson'), '{"n":"x"}\n');
    intake.behaviour = ({ response }) => {
      const errors = [{ row: 1, path: '/n', code: 'schema_violation', message: '/n must be an integer' }];
      response
        .writeHead(422)
        .end(JSON.stringify({ code: 'schema-violation', detail: '/n must be an integer', errors }));
      return true;
    };
    const { exit, stdout, stderr } = await send(['--json'], undefined, 'alone.ndjson');
    assert.equal(exit, 1);
    assert.match(stderr, /0 accepted · 1 rejected · 0 transactions/);
    assert.match(stderr, /1 of them alone in a request: not kept, and no dead letter/);
    const summary = JSON.parse(stdout) as Record<string, unknown>;
    assert.deepEqual([summary.not_kept, summary.first_transaction], [1, null]);
  });

  test('tells of rejected rows by their place in the file, and exits with 1', async () => {
    intake.behaviour = ({ response, body }) => {
      if (!body.includes('{"n":3000}')) return false;
      const errors = [{ row: 17, path: '/n', code: 'schema_violation', message: '/n must be an integer' }];
      response.writeHead(202).end(JSON.stringify({ transaction_id: 't', accepted: 999, rejected: 1, errors }));
      return true;
    };
    const { exit, stderr } = await send();
    assert.equal(exit, 1);
    assert.match(stderr, /1 rejected/);
    assert.match(stderr, /row 3017: \/n must be an integer/);
  });

  test('tells of a gzip file that is cut, and sends no half event', async () => {
    const whole = gzipSync(ALL.map((n) => JSON.stringify({ n })).join('\n'));
    await writeFile(join(folder, 'cut.ndjson.gz'), whole.subarray(0, whole.length - 20));
    const { exit, stderr } = await send([], undefined, 'cut.ndjson.gz');
    assert.equal(exit, 1);
    assert.match(stderr, /the gzip is damaged: unexpected end of file/);
    assert.deepEqual(intake.numbers, ALL.slice(0, intake.numbers.length));
  });
});
