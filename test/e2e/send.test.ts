import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { type System, startSystem } from '../support/system.ts';

const MAIN = resolve(import.meta.dirname, '../../src/main.ts');
const EVENTS = 60_000;

describe('azud send survives what happens in the middle of a file', () => {
  let system: System;
  let file: string;
  before(async () => {
    system = await startSystem({
      config: {
        datasets: {
          // No event_id: only the keys of the batches keep an event from being stored twice.
          first: { schema: { type: 'object', properties: { n: { type: 'integer' } } } },
          second: { schema: { type: 'object', properties: { n: { type: 'integer' } } } },
          third: { schema: { type: 'object', properties: { n: { type: 'integer' } } } },
        },
      },
    });
    file = join(system.folder, 'events.ndjson');
    const pad = 'x'.repeat(150);
    await writeFile(file, Array.from({ length: EVENTS }, (_, n) => JSON.stringify({ n, pad })).join('\n'));
  });
  after(() => system.stop());

  function send(dataset: string): {
    readonly child: ChildProcess;
    readonly ended: Promise<readonly [number | null, string]>;
  } {
    const child = spawn(process.execPath, [MAIN, 'send', dataset, file, '--url', system.url], {
      env: { ...process.env, XDG_STATE_HOME: join(system.folder, 'state') },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let words = '';
    child.stderr.on('data', (chunk: Buffer) => {
      words += chunk.toString();
    });
    return { child, ended: once(child, 'close').then(([code]) => [code as number | null, words] as const) };
  }

  async function rows(dataset: string): Promise<number> {
    const answer = await system.get(`/v1/datasets/${dataset}`);
    return answer.ok ? ((await answer.json()) as { rows: number }).rows : 0;
  }

  /** Some of it is there, and not all. */
  const underWay = (dataset: string) =>
    eventually(async () => assert.ok((await rows(dataset)) > 1_000), { timeoutMs: 60_000 });

  const whole = (dataset: string) =>
    eventually(async () => assert.equal(await rows(dataset), EVENTS), { timeoutMs: 60_000 });

  test('kill -9 of the server: the same run goes on, every event is stored once', async () => {
    const { ended } = send('first');
    await underWay('first');
    await system.crash();
    await system.start();
    const [code, words] = await ended;
    assert.equal(code, 0, words);
    await whole('first');
  });

  /** Begun, and killed when some of it is there. */
  async function cut(dataset: string): Promise<void> {
    const { child, ended } = send(dataset);
    await underWay(dataset);
    child.kill('SIGKILL');
    await ended;
  }

  test('kill -9 of the sender: the next run goes on, and one more stores nothing twice', async () => {
    await cut('second');
    for (let run = 1; run <= 2; run += 1) {
      const [code, words] = await send('second').ended;
      assert.equal(code, 0, words);
      await whole('second');
    }
  });

  test('kill -9 of the sender, and then two runs at once: both end well, and nothing is stored twice', async () => {
    await cut('third');
    for (const [code, words] of await Promise.all([send('third').ended, send('third').ended])) {
      assert.equal(code, 0, words);
    }
    await whole('third');
    const balance = (await (await system.get('/v1/conservation')).json()) as { balanced?: boolean };
    assert.notEqual(balance.balanced, false, JSON.stringify(balance));
  });
});
