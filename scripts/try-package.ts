/**
 * Packs Azud, installs the tarball into an empty folder as a user would, and walks the first minutes with it: version, init,
 * check, start, one event in, the same event out, SIGTERM. Ends with 1 and the step's output when one of them fails.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { eventually } from '../test/support/eventually.ts';
import { freePort } from '../test/support/system.ts';

const root = resolve(import.meta.dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'azud-package-'));
const bin = join(folder, 'node_modules/azud/dist/main.js');
const READY_TIMEOUT_MS = 60_000;

/** The Node that runs this comes first: the machine's own may be too old for the package, which is tried apart. */
const ENV = { ...process.env, PATH: [dirname(process.execPath), process.env.PATH ?? ''].join(delimiter) };

/** A value for each type of column. */
const SAMPLES: Readonly<Record<string, unknown>> = {
  string: 'a',
  integer: 1,
  number: 1.5,
  decimal: '1.50',
  boolean: true,
  timestamp: '2026-01-01T00:00:00Z',
  date: '2026-01-01',
  uuid: '0190a5b0-0000-7000-8000-000000000001',
  json: {},
};

try {
  install();
  walkCommands();
  refuseDemo();
  refuseOldNode();
  await walkHttp();
  say('the package works');
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function install(): void {
  say('packing and installing the tarball');
  const packed = run('npm', ['pack', '--json', '--pack-destination', folder], root);
  const [{ filename }] = JSON.parse(packed.slice(packed.indexOf('[\n'))) as [{ filename: string }];
  run('npm', ['init', '--yes'], folder);
  run('npm', ['install', '--no-audit', '--no-fund', join(folder, filename)], folder);
}

function walkCommands(): void {
  say(`azud ${run('npx', ['--no-install', 'azud', '--version'], folder).trim()}`);
  run('npx', ['--no-install', 'azud', 'init', 'my-system'], folder);
  run('npx', ['--no-install', 'azud', 'check'], join(folder, 'my-system'));
}

/** The demo's data are not in the package: it says what to install before it starts anything. */
function refuseDemo(): void {
  const { status, stderr } = spawnSync(process.execPath, [bin, 'demo'], { cwd: folder, encoding: 'utf8' });
  assert.equal(status, 2, stderr);
  assert.match(stderr, /^azud: the demo needs its data: npm install vega-datasets\n/);
  say('the demo says what it needs');
}

/** A Node that is too old must be told so in words; there is one to try with on most machines. */
function refuseOldNode(): void {
  const own = (process.env.PATH ?? '').split(delimiter).map((place) => join(place, 'node'));
  const old = own.filter((node) => existsSync(node)).find((node) => Number(version(node).split('.')[0]) < 22);
  if (old === undefined) {
    say('no old Node here to try the refusal with');
    return;
  }
  const { status, stderr } = spawnSync(old, [bin, '--version'], { encoding: 'utf8' });
  assert.notEqual(status, 0);
  assert.match(stderr, /^azud needs Node 22\.18 or newer; this is v\d+/);
  say(`Node ${version(old)} is refused in words`);
}

async function walkHttp(): Promise<void> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const system = spawn(process.execPath, [bin, 'start', '--server.port', String(port)], {
    cwd: join(folder, 'my-system'),
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ended = once(system, 'exit');
  try {
    await eventually(async () => assert.ok((await fetch(`${url}/readyz`)).ok), { timeoutMs: READY_TIMEOUT_MS });
    const { data } = await json<{ data: { dataset: string }[] }>(`${url}/v1/datasets`);
    const dataset = data[0]?.dataset ?? assert.fail('azud init declares no dataset');
    const answer = await post(
      `${url}/v1/events/${dataset}?wait=stored`,
      await sampleEvent(`${url}/v1/datasets/${dataset}`),
    );
    assert.equal(answer.status, 200);
    const rows = await json<{ data: unknown[] }>(`${url}/v1/datasets/${dataset}/rows`);
    assert.equal(rows.data.length, 1);
    say('an event went in and came out');
  } finally {
    system.kill('SIGTERM');
    await ended;
  }
  assert.equal(system.exitCode, 0, 'SIGTERM ends azud start with 0');
}

/** An event with what the dataset requires. */
async function sampleEvent(datasetUrl: string): Promise<string> {
  const { columns } = await json<{ columns: { name: string; type: string; required: boolean }[] }>(datasetUrl);
  const required = columns.filter((column) => column.required && !column.name.startsWith('_'));
  return JSON.stringify(Object.fromEntries(required.map(({ name, type }) => [name, SAMPLES[type]])));
}

async function json<Body>(url: string): Promise<Body> {
  const answer = await fetch(url);
  assert.equal(answer.status, 200, url);
  return (await answer.json()) as Body;
}

function post(url: string, body: string): Promise<Response> {
  return fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
}

function run(command: string, args: readonly string[], cwd: string): string {
  return execFileSync(command, args, { cwd, env: ENV, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

function version(node: string): string {
  return run(node, ['-p', 'process.versions.node'], root).trim();
}

function say(text: string): void {
  process.stdout.write(`package: ${text}\n`);
}
