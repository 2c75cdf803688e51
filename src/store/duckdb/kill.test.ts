import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { FULL, inFolder, offsetOf, openStore } from './fixtures.ts';

const CHILD = fileURLToPath(new URL('./kill-child.ts', import.meta.url));
const CYCLES = 10;

/** Lets a child write at least `units`, kills it in the middle of what it does then, and answers the last offset it told. */
async function writeAndKill(dataDir: string, units: number, kind = 'single'): Promise<number> {
  const child = spawn(process.execPath, [CHILD, dataDir, kind], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  let told = 0;
  let seen = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    told = Number(line);
    seen += 1;
    if (seen === units) child.kill('SIGKILL');
  }
  await exited;
  return told;
}

test('kill -9 at any moment: what was told as written is there, once, and progress says so', async () => {
  await inFolder(async (dataDir) => {
    let reached = 0;
    for (let cycle = 0; cycle < CYCLES; cycle += 1) {
      const told = await writeAndKill(dataDir, 3 + ((cycle * 17) % 41));
      const { driver, fatal, steps } = await openStore(dataDir);
      const offset = await offsetOf(driver);
      await driver.close();
      assert.ok(offset >= told, `told ${told}, holds ${offset}: ${steps.join('; ')}`);
      assert.ok(offset > reached);
      assert.deepEqual(fatal, []);
      reached = offset;
    }
  });
});

test('kill -9 under a backlog: a unit that was prepared is there when it was written, and not before', async () => {
  await inFolder(async (dataDir) => {
    for (let cycle = 0; cycle < 5; cycle += 1) {
      const told = await writeAndKill(dataDir, 2 + (cycle % 3), 'backlog');
      const { driver, fatal } = await openStore(dataDir);
      const offset = await offsetOf(driver, FULL);
      await driver.close();
      assert.ok(offset >= told, `told ${told}, holds ${offset}`);
      assert.deepEqual(fatal, []);
    }
  });
});
