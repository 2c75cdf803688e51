import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { stringify } from 'yaml';
import { atEnd } from '../../support/at-end.ts';
import { runAzud } from '../../support/command.ts';
import { ORDERS_CONFIG } from '../../support/orders.ts';
import { refusedStart, type System, startSystem } from '../../support/system.ts';

/** `azud topology` against a real server, on a broker of which nothing is there yet. */
export function topologyCases(broker: Readonly<Record<string, unknown>>): void {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'azud-topology-'));
    await writeFile(join(folder, 'azud.yaml'), stringify(byHand));
  });
  let system: System | null = null;
  atEnd(async () => {
    await system?.stop();
    await rm(folder, { recursive: true });
  });
  const byHand = { ...ORDERS_CONFIG, broker: { ...broker, auto_declare: false } };
  const topology = (...words: string[]) => runAzud(['topology', ...words], { folder });

  test('plan shows what is missing with exit code 1, start names it with the remedy, apply makes it once, then it starts', async () => {
    const planned = await topology('plan');
    assert.equal(planned.code, 1, planned.stderr);
    assert.match(planned.stdout, /^(stream|queue|topic) azud_test_\S+ +missing /m);

    const refused = await refusedStart({ config: byHand });
    assert.match(refused.words, /the server has no (stream|queue|topic) azud_test_/);
    assert.match(refused.words, /azud topology apply/);
    assert.equal(refused.code, 69);

    const applied = await topology('apply');
    assert.equal(applied.code, 0, applied.stderr);
    assert.match(applied.stdout, / made /);
    const again = await topology('apply');
    assert.equal(again.code, 0);
    assert.doesNotMatch(again.stdout, / made /);

    const { code, stdout } = await topology('plan', '--json');
    assert.equal(code, 0);
    const { parts } = JSON.parse(stdout) as { parts: { state: string }[] };
    assert.ok(parts.length > 0 && parts.every(({ state }) => state === 'exists'));
    system = await startSystem({ config: byHand });
    assert.equal((await system.post('/v1/events/orders?wait=stored', '{"n":1}')).status, 200);
    assert.equal(await system.stop(), 0);
  });
}
