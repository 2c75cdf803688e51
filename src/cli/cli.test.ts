import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { stringify } from 'yaml';
import { systemClock } from '../lib/clock.ts';
import { runCli } from './cli.ts';
import { COMMANDS } from './commands.ts';
import { Output } from './output.ts';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'azud-cli-'));
});
after(() => rm(folder, { recursive: true }));

interface Given {
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
}

async function azud(argv: readonly string[], { stdin = '', env = {} }: Given = {}) {
  let stdout = '';
  let stderr = '';
  const exit = await runCli(argv, {
    env,
    folder,
    stdin: Readable.from([Buffer.from(stdin)]),
    out: new Output({
      stdout: { write: (text) => (stdout += text) },
      stderr: { write: (text) => (stderr += text) },
      plain: true,
    }),
    clock: systemClock,
    signal: new AbortController().signal,
  });
  return { exit, stdout, stderr };
}

describe('the command line', () => {
  test('lists every command, and helps with each', async () => {
    const { exit, stdout } = await azud(['--help']);
    assert.equal(exit, 0);
    for (const { name, summary } of COMMANDS) {
      assert.ok(stdout.includes(`  ${name} `) && stdout.includes(summary), name);
      const help = await azud([...name.split(' '), '--help']);
      assert.equal(help.exit, 0);
      assert.match(help.stdout, new RegExp(`usage: azud ${name}`));
    }
  });

  test('helps with the commands of one first word', async () => {
    const { exit, stdout, stderr } = await azud(['dead-letters', '--help']);
    assert.equal(exit, 0, stderr);
    for (const name of ['list', 'show', 'replay', 'discard']) assert.ok(stdout.includes(`azud dead-letters ${name} `));
    assert.equal((await azud(['help', 'dataset'])).exit, 0);
    assert.equal((await azud(['dead-letters'])).exit, 2);
  });

  test('without a command is wrong usage', async () => {
    assert.equal((await azud([])).exit, 2);
  });

  const TYPOS: Readonly<Record<string, readonly [argv: readonly string[], words: RegExp]>> = {
    'a command': [['sned'], /no command "sned"; did you mean "send"\?/],
    'the second word of a command': [
      ['dead-letters', 'lsit'],
      /takes list, show, replay, discard; got "lsit"; did you mean "list"\?/,
    ],
    'an option': [['rows', 'flights', '--limt', '3'], /azud rows has no option --limt; did you mean "--limit"\?/],
    'the value of an option': [
      ['send', 'a', '--format', 'ndjsn'],
      /--format takes json, ndjson, csv; got "ndjsn"; did you mean "ndjson"\?/,
    ],
    'an argument': [['completion', 'bsh'], /is one of bash, zsh, fish; got "bsh"; did you mean "bash"\?/],
    'a missing argument': [['status'], /azud status needs <transaction_id>/],
    'one argument too many': [['status', 'a', 'b'], /azud status does not take "b"/],
    'an option without its value': [['rows', 'a', '--limit'], /azud rows: .*--limit/],
    'a pair without =': [['query', 'a', '--param', 'x'], /--param takes name=value; got "x"/],
    'a number': [['rows', 'a', '--limit', 'ten'], /--limit takes a whole number; got "ten"/],
    'a parameter given twice': [['sql', 'SELECT $x', '-p', 'x=1', '-p', 'x=2'], /--param x is given more than once/],
    'a token of two lines': [['rows', 'a', '--token', 'one\ntwo'], /the token has spaces, line breaks/],
    'an address': [['rows', 'a', '--url', 'localhost'], /--url takes an address like/],
  };
  for (const [name, [argv, words]] of Object.entries(TYPOS)) {
    test(`answers ${name} that is wrong with exit code 2 and what is right`, async () => {
      const { exit, stdout, stderr } = await azud(argv);
      assert.equal(exit, 2, stderr);
      assert.equal(stdout, '');
      assert.match(stderr, words);
    });
  }

  test('says 69 when no server is there', async () => {
    const { exit, stderr } = await azud(['rows', 'a', '--url', 'http://127.0.0.1:9']);
    assert.equal(exit, 69);
    assert.match(stderr, /http:\/\/127\.0\.0\.1:9 cannot be reached/);
  });

  test('takes a value that begins with a dash', async () => {
    assert.equal((await azud(['rows', 'a', '--order', '-date', '--url', 'http://127.0.0.1:9'])).exit, 69);
    assert.equal((await azud(['query', 'a', '-p', 'x=1', '--param', '-p', 'y=1'])).exit, 2);
  });

  test('takes the address from the environment', async () => {
    const { stderr } = await azud(['rows', 'a'], { env: { AZUD_URL: 'http://127.0.0.1:9' } });
    assert.match(stderr, /http:\/\/127\.0\.0\.1:9 cannot be reached/);
  });

  test('completes in a shell: the bash script is one', async () => {
    const { stdout } = await azud(['completion', 'bash']);
    const run = (words: string, at: number) =>
      execFileSync(
        'bash',
        ['-c', `${stdout}\nCOMP_WORDS=(${words}); COMP_CWORD=${at}; _azud; echo "$\{COMPREPLY[@]}"`],
        {
          encoding: 'utf8',
        },
      ).trim();
    assert.equal(run('azud st', 1), 'start status');
    assert.equal(run('azud dead-letters re', 2), 'replay');
    assert.equal(run('azud send --fo', 2), '--format');
    assert.equal(run('azud dead-letters list --si', 3), '--since');
    assert.match((await azud(['completion', 'zsh'])).stdout, /^#compdef azud/);
    assert.match(
      (await azud(['completion', 'fish'])).stdout,
      /complete -c azud -n '__fish_seen_subcommand_from send' -l format -r/,
    );
  });
});

describe('azud init and check', () => {
  test('what init writes passes the check', async () => {
    const written = await azud(['init', 'my-system']);
    assert.equal(written.exit, 0, written.stderr);
    assert.match(written.stderr, /next: cd my-system && azud start/);
    const checked = await azud(['check', '--config', 'my-system/azud.yaml']);
    assert.equal(checked.exit, 0, checked.stdout);
    assert.match(
      checked.stdout,
      /^ok {4}dataset readings .*event id id · id string, time timestamp, sensor string, celsius number$/m,
    );
  });

  test('init overwrites nothing', async () => {
    await azud(['init', 'twice']);
    await writeFile(join(folder, 'twice', 'azud.yaml'), 'mine');
    const { exit, stderr } = await azud(['init', 'twice']);
    assert.equal(exit, 2);
    assert.match(stderr, /azud\.yaml is there already/);
    assert.equal(await readFile(join(folder, 'twice', 'azud.yaml'), 'utf8'), 'mine');
  });

  test('check tries the queries of endpoints, and leaves nothing behind', async () => {
    const wrong = 'SELECT nme FROM a';
    const config = {
      datasets: { a: { schema: { type: 'object', properties: { name: { type: 'string' } } } } },
      endpoints: { good: { sql: 'SELECT name FROM a' }, typo: { sql: wrong }, cut: { sql: 'SELECT * FROM a WHERE' } },
    };
    await writeFile(join(folder, 'queries.yaml'), stringify(config));
    const { exit, stdout } = await azud(['check', '-c', 'queries.yaml', '--data-dir', join(folder, 'none')]);
    assert.equal(exit, 2);
    assert.match(stdout, /^ok {4}endpoint good +GET \/v1\/endpoints\/good · rows$/m);
    assert.match(stdout, /^fail {2}endpoint typo .*"nme" not found/m);
    assert.match(stdout, /^fail {2}endpoint cut .*syntax error/m);
    const json = await azud(['check', '-c', 'queries.yaml', '--json']);
    const { findings } = JSON.parse(json.stdout) as { findings: { ok: boolean; path?: string }[] };
    const paths = findings.filter(({ ok }) => !ok).map(({ path }) => path);
    assert.deepEqual(paths, ['/endpoints/typo/sql', '/endpoints/cut/sql']);
    assert.equal(existsSync(join(folder, 'none')), false);
  });

  test('check lists every mistake on a line of its own, as text and as JSON', async () => {
    await writeFile(join(folder, 'bad.yaml'), 'server: { prt: 1 }\nstore: { kind: x }\n');
    const { exit, stdout } = await azud(['check', '-c', 'bad.yaml']);
    assert.equal(exit, 2);
    assert.equal(stdout.trim().split('\n').length, 2);
    assert.match(stdout, /^fail {2}configuration +bad\.yaml:1:11 server\.prt: unknown key; did you mean "port"\?$/m);
    const json = await azud(['check', '-c', 'bad.yaml', '--json']);
    const { findings } = JSON.parse(json.stdout) as { findings: { line?: number; path?: string }[] };
    assert.deepEqual(
      findings.map(({ line, path }) => [line, path]),
      [
        [1, '/server/prt'],
        [2, '/store/kind'],
      ],
    );
  });

  test('check takes settings as flags, and prints the JSON Schema', async () => {
    await azud(['init', 'flags']);
    const bad = await azud(['check', '-c', 'flags/azud.yaml', '--server.port', 'x', '--server.hots=y']);
    assert.match(bad.stdout, /--server\.port server\.port: expected an integer/);
    assert.match(bad.stdout, /--server\.hots belongs to no setting; did you mean "server\.host"\?/);
    const schema = JSON.parse((await azud(['check', '--schema'])).stdout) as { properties: Record<string, unknown> };
    assert.ok('datasets' in schema.properties);
  });
});

describe('azud topology', () => {
  test('an embedded broker needs nothing on a server', async () => {
    await azud(['init', 'embedded']);
    for (const command of ['plan', 'apply']) {
      const { exit, stdout, stderr } = await azud(['topology', command, '-c', 'embedded/azud.yaml']);
      assert.deepEqual([exit, stdout], [0, '']);
      assert.match(stderr, /the broker log is embedded: it needs nothing on a server/);
    }
  });

  test('a broker that cannot be reached is said with its address and exit code 69', async () => {
    const { exit, stderr } = await azud(['topology', 'plan', '-c', 'embedded/azud.yaml', '--broker.kind', 'nats'], {
      env: { AZUD_BROKER_SERVERS: '127.0.0.1:1' },
    });
    assert.equal(exit, 69);
    assert.match(stderr, /nats 127\.0\.0\.1:1 cannot be reached/);
  });
});

describe('azud dataset infer', () => {
  test('finds types, formats and what is always there', async () => {
    const lines = [
      { id: 1, at: '2026-01-31T08:00:00Z', day: '2026-01-31', n: 1, o: { a: 1 }, l: [1], b: true, maybe: null },
      {
        id: 2,
        at: '2026-01-31T09:00:00+01:00',
        day: '2026-02-28',
        n: 1.5,
        o: {},
        l: [],
        b: false,
        maybe: 'x',
        extra: 1,
      },
    ];
    const { exit, stdout } = await azud(['dataset', 'infer', '-', '--format', 'json'], {
      stdin: JSON.stringify(lines),
    });
    assert.equal(exit, 0);
    const schema = JSON.parse(stdout) as { properties: unknown; required: unknown };
    assert.deepEqual(schema.properties, {
      id: { type: 'integer' },
      at: { type: 'string', format: 'date-time' },
      day: { type: 'string', format: 'date' },
      n: { type: 'number' },
      o: { type: 'object' },
      l: { type: 'array' },
      b: { type: 'boolean' },
      maybe: { type: ['string', 'null'] },
      extra: { type: 'integer' },
    });
    assert.deepEqual(schema.required, ['id', 'at', 'day', 'n', 'o', 'l', 'b']);
    assert.ok(!('additionalProperties' in schema), 'a property that the sample has not is kept when it comes');
  });

  test('reads CSV cells as what they look like; a code with leading zeros stays text', async () => {
    const stdin = 'id,code,amount,name\n1,007,1.5,"a, b"\n2,010,2,\n';
    const { stdout } = await azud(['dataset', 'infer', '-', '--format', 'csv'], { stdin });
    const schema = JSON.parse(stdout) as { properties: unknown; required: unknown };
    assert.deepEqual(schema.properties, {
      id: { type: 'integer' },
      code: { type: 'string' },
      amount: { type: 'number' },
      name: { type: 'string' },
    });
    assert.deepEqual(schema.required, ['id', 'code', 'amount']);
  });

  test('says which row is no event', async () => {
    const { exit, stderr } = await azud(['dataset', 'infer', '-', '--format', 'ndjson'], { stdin: '{"a":1}\n[1]\n' });
    assert.equal(exit, 1);
    assert.match(stderr, /row 2 is no JSON object/);
  });
});
