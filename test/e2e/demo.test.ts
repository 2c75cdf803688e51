import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/system.ts';

const MAIN = resolve(import.meta.dirname, '../../src/main.ts');

describe('azud demo', () => {
  let dataDir: string;
  let child: ChildProcess | undefined;
  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'azud-demo-'));
  });
  afterEach(() => child?.kill('SIGTERM'));
  after(() => rm(dataDir, { recursive: true, force: true }));

  /** Runs it until it serves, and ends it. Answers everything it said, and what it answers to the last question. */
  async function demo() {
    const port = await freePort();
    child = spawn(process.execPath, [MAIN, 'demo', '--data-dir', dataDir], {
      env: { ...process.env, AZUD_SERVER_PORT: String(port) },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let words = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        words += chunk.toString();
      });
    }
    await eventually(() => assert.match(words, /serving at/, words), { timeoutMs: 60_000 });
    const flights = await fetch(`http://127.0.0.1:${port}/v1/datasets/flights`);
    const { rows } = (await flights.json()) as { rows: number };
    const ended = once(child, 'close');
    child.kill('SIGTERM');
    const [code] = (await ended) as [number | null];
    return { words, rows, code };
  }

  test('loads 200,000 real flights, shows three calls with their answers, and ends with 0 at SIGTERM', async () => {
    const { words, rows, code } = await demo();
    assert.equal(rows, 200_000);
    assert.match(words, /200,000 accepted · 0 rejected · 200 transactions/);
    assert.equal(words.match(/^\$ curl /gm)?.length, 3);
    assert.match(words, /"origin":"LAX","destination":"SFO","flights":\d+/);
    assert.equal(code, 0, words);
  });

  test('loads once', async () => {
    const { words, rows, code } = await demo();
    assert.equal(rows, 200_000);
    assert.match(words, /200,000 flights are loaded already/);
    assert.equal(code, 0, words);
  });
});
