import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { AzudError } from '../error/azud-error.ts';
import type { Config } from './config.ts';
import { type LoadOptions, loadConfig } from './load.ts';

let folder: string;
let count = 0;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'azud-config-'));
});
after(() => rm(folder, { recursive: true }));

const READINGS = 'datasets:\n  readings: { schema: { type: object, properties: { id: { type: integer } } } }\n';

type Given = Omit<LoadOptions, 'path' | 'env'> & { readonly env?: LoadOptions['env'] };

async function load(yaml: string, given: Given = {}, files: Readonly<Record<string, string>> = {}): Promise<Config> {
  const place = join(folder, String(count++));
  for (const [name, text] of Object.entries({ 'azud.yaml': yaml, ...files })) {
    await mkdir(dirname(join(place, name)), { recursive: true });
    await writeFile(join(place, name), text);
  }
  return loadConfig({ path: join(place, 'azud.yaml'), env: {}, ...given });
}

/** The mistakes as they are shown. */
async function mistakes(
  yaml: string,
  given: Given = {},
  files: Readonly<Record<string, string>> = {},
): Promise<string[]> {
  try {
    await load(yaml, given, files);
  } catch (error) {
    assert.ok(error instanceof AzudError, String(error));
    assert.equal(error.entry.exit, 2);
    return error.errors.map(({ message }) => message);
  }
  return assert.fail('the configuration was taken');
}

describe('a configuration', () => {
  test('that is empty has every default', async () => {
    const config = await load('');
    assert.equal(config.version, 1);
    assert.deepEqual(config.server, { host: '127.0.0.1', port: 8080 });
    assert.equal(config.broker.kind, 'log');
    assert.equal(config.store.kind, 'duckdb');
    assert.equal(config.cache.kind, 'memory');
    assert.equal(config.dataDir, join(dirname(config.file), 'data'));
    assert.equal(config.datasets.size, 0);
    assert.deepEqual(config.auth.tokens, []);
  });

  test('is frozen all the way down', async () => {
    const config = await load(READINGS);
    assert.throws(() => Object.assign(config.server, { port: 1 }), TypeError);
    assert.ok(Object.isFrozen(config.datasets.get('readings')?.schema));
  });

  test('reads datasets, routes and endpoints', async () => {
    const config = await load(`
datasets:
  clients:
    mode: upsert
    key: /id
    schema: { type: object, properties: { id: { type: integer }, name: { type: string } }, required: [id] }
    retention: 400d
    dedupe_window: 12h
routes:
  - { path: /in, dataset: clients }
endpoints:
  client: { path: "/clients/{id}", params: { id: { type: integer, required: true } }, sql: SELECT * FROM clients WHERE id = $id, shape: row, cache: 30s }
`);
    const clients = config.datasets.get('clients');
    assert.equal(clients?.key, 'id');
    assert.equal(clients?.retentionMs, 400 * 86_400_000);
    assert.equal(clients?.dedupeWindowMs, 12 * 3_600_000);
    assert.deepEqual(config.routes, [{ path: '/in', dataset: 'clients' }]);
    assert.equal(config.endpoints[0]?.path, '/clients/{id}');
    assert.equal(config.endpoints[0]?.cacheMs, 30_000);
    assert.equal(config.endpoints[0]?.shape, 'row');
  });

  test('that is not there says how to make one, unless it may be missing', async () => {
    const path = join(folder, 'nowhere', 'azud.yaml');
    await assert.rejects(loadConfig({ path, env: {} }), { code: 'invalid-config', hint: /azud init/ });
    assert.equal((await loadConfig({ path, env: {}, allowMissing: true })).server.port, 8080);
  });
});

/** yaml → the one mistake, whole. */
const MISTAKES: Readonly<Record<string, readonly [yaml: string, shown: string | RegExp]>> = {
  'an unknown key': ['server:\n  prot: 1', 'azud.yaml:2:3 server.prot: unknown key; did you mean "port"?'],
  'an unknown key that is like none': [
    'server:\n  colour: red',
    'azud.yaml:2:3 server.colour: unknown key; the keys here are host, port',
  ],
  'text for a number': [
    'server: { port: "80" }',
    'azud.yaml:1:17 server.port: expected an integer from 0 to 65535, got "80"',
  ],
  'a number out of range': [
    'server:\n  port: 70000',
    'azud.yaml:2:9 server.port: expected an integer from 0 to 65535, got 70000',
  ],
  'a map for a scalar': [
    'server:\n  port: {}',
    'azud.yaml:2:9 server.port: expected an integer from 0 to 65535, got a map',
  ],
  'a scalar for a map': ['server: 8080', 'azud.yaml:1:9 server: expected a map, got the number 8080'],
  'a list for a map': ['datasets:\n  - a', 'azud.yaml:2:3 datasets: expected a map, got a list'],
  'an unknown kind': [
    'store: { kind: dukdb }',
    'azud.yaml:1:16 store.kind: expected one of duckdb, postgres, memory, got "dukdb"; did you mean "duckdb"?',
  ],
  'a bad duration': [
    `${READINGS}endpoints:\n  all:\n    sql: SELECT 1\n    cache: soon`,
    'azud.yaml:6:12 endpoints.all.cache: expected a duration such as 30s, 15m, 12h or 400d, got "soon"',
  ],
  'a duration out of range': [
    'broker: { kind: pubsub, ack_deadline: 5s }',
    'azud.yaml:1:39 broker.ack_deadline: expected a duration from 10s to 10m, got "5s"',
  ],
  'a bad size': [
    'broker: { segment_bytes: 5 apples }',
    'azud.yaml:1:26 broker.segment_bytes: expected a size such as 512KiB, 64MiB or 2GiB, got "5 apples"',
  ],
  'a key twice': ['server:\n  port: 1\n  port: 2', 'azud.yaml:3:3 this key stands twice in one map; keep one'],
  'a tab': ['server:\n\tport: 1', /^azud\.yaml:2:1 a tab stands in the indentation/],
  'broken YAML': ['server: {', /^azud\.yaml:\d+:\d+ is not YAML: /],
  'a path with braces inside of others': [
    'endpoints:\n  a: { path: /data/{id}, sql: SELECT 1 }',
    /^azud\.yaml:2:20 is not YAML: .*; inside \{ \} put a path with \{ \} in quotes$/,
  ],
  'a bad dataset name': [
    `datasets:\n  Flights: { schema: { type: object } }`,
    'azud.yaml:2:3 datasets.Flights: expected a name that matches ^[a-z][a-z0-9_]{0,62}$, got "Flights"',
  ],
  'a type that is none': [
    `datasets:\n  a:\n    schema:\n      properties: { n: { type: integr } }`,
    'azud.yaml:4:32 datasets.a.schema.properties.n.type: "integr" is not a type of JSON Schema; did you mean "integer"?',
  ],
  'a type that is like none': [
    `datasets:\n  a:\n    schema:\n      properties: { n: { type: [uuid, "null"] } }`,
    /schema\.properties\.n\.type\[0\]: "uuid" is not a type of JSON Schema: string, integer, number, boolean/,
  ],
  'a missing schema': [
    'datasets:\n  a:\n    mode: append',
    'azud.yaml:2:3 datasets.a.schema: missing; expected a JSON Schema',
  ],
  'a schema of no known type': [
    'datasets:\n  a:\n    schema:\n      type: object\n      properties:\n        x: { type: intger }',
    /^azud\.yaml:6:20 datasets\.a\.schema\.properties\.x\.type: /,
  ],
  'a key that is no property': [
    'datasets:\n  a:\n    mode: upsert\n    key: /nope\n    schema: { type: object, properties: { id: { type: integer } } }',
    /^azud\.yaml:4:10 datasets\.a\.key: .*must point to a top-level property/,
  ],
  'a missing schema file': [
    'datasets:\n  a:\n    schema: { $ref: ./nope.json }',
    /^azud\.yaml:3:13 datasets\.a\.schema: the schema file cannot be read: ENOENT/,
  ],
  'a schema on the network': [
    'datasets:\n  a:\n    schema: { $ref: "https://x.example/a.json" }',
    /^azud\.yaml:3:13 datasets\.a\.schema: .*is no local file/,
  ],
  'a route to no dataset': [
    `${READINGS}routes:\n  - { path: /in, dataset: reading }`,
    'azud.yaml:4:27 routes[0].dataset: there is no dataset "reading"; did you mean "readings"?',
  ],
  'a Citus table of no dataset': [
    `${READINGS}store: { kind: postgres, citus: { distribute: { reading: id }, reference: [readings] } }`,
    /^azud\.yaml:3:\d+ store\.citus\.distribute\.reading: there is no dataset "reading"; did you mean "readings"\?$/,
  ],
  'a route on a path of Azud': [
    `${READINGS}routes:\n  - { path: /v1/in, dataset: readings }`,
    'azud.yaml:4:13 routes[0].path: /v1/in belongs to Azud itself; choose another path',
  ],
  'two routes on one path': [
    `${READINGS}routes:\n  - { path: /in, dataset: readings }\n  - { path: /in, dataset: readings }`,
    'azud.yaml:5:13 routes[1].path: /in is the path of routes[0] already',
  ],
  'an undeclared parameter': [
    `${READINGS}endpoints:\n  one: { sql: SELECT $ide, params: {} }`,
    /^azud\.yaml:4:15 endpoints\.one\.sql: uses \$ide/,
  ],
  'a short secret': [
    'auth: { tokens: [{ name: a, secret: abc, scopes: [admin] }] }',
    'azud.yaml:1:37 auth.tokens[0].secret: expected at least 16 characters, got 3',
  ],
  'an unknown scope': [
    'auth:\n  tokens:\n    - { name: a, secret: 0123456789abcdef, scopes: [admni] }',
    /^azud\.yaml:3:53 auth\.tokens\[0\]\.scopes\[0\]: .*did you mean "admin"\?$/,
  ],
  'a scope of no dataset': [
    `${READINGS}auth: { tokens: [{ name: a, secret: 0123456789abcdef, scopes: ["intake:reeding"] }] }`,
    /^azud\.yaml:3:64 .*there is no dataset "reeding"; did you mean "readings"\?$/,
  ],
  'two tokens of one name': [
    'auth:\n  tokens:\n    - { name: a, secret: 0123456789abcdef, scopes: [admin] }\n    - { name: a, secret: 0123456789abcdeg, scopes: [admin] }',
    'azud.yaml:4:15 auth.tokens[1].name: two tokens are called a',
  ],
  'two tokens of one secret': [
    'auth:\n  tokens:\n    - { name: a, secret: 0123456789abcdef, scopes: [admin] }\n    - { name: b, secret: 0123456789abcdef, scopes: [sql] }',
    'azud.yaml:4:26 auth.tokens[1].secret: another token has this secret: which one is meant?',
  ],
  'a word': ['hello', /^azud\.yaml:1:1 .*expected a map/],
  'a list': ['- version: 1', /^azud\.yaml:1:1 .*expected a map/],
  'a day that does not exist': [
    'auth: { tokens: [{ name: a, secret: 0123456789abcdef, scopes: [admin], expires: 2026-02-30 }] }',
    /^azud\.yaml:1:81 auth\.tokens\[0\]\.expires: expected a date/,
  ],
  'a variable that is not set': [
    `server:\n  host: \${HOTS}`,
    /^azud\.yaml:2:9 server\.host: no variable HOTS in the environment/,
  ],
  'a listening address without tokens': [
    'server: { host: 0.0.0.0 }',
    /^azud\.yaml:1:17 server\.host: 0\.0\.0\.0 can be reached from other machines/,
  ],
  'a cache at no address': [
    'cache: { kind: redis, url: "http://:hush@127.0.0.1" }',
    'azud.yaml:1:28 cache.url: expected redis://user:password@host:port/database, or rediss:// by TLS',
  ],
  'another version': ['version: 2', 'azud.yaml:1:10 version: expected 1, got 2'],
};

describe('a mistake is told with its line, its path and the nearest word:', () => {
  for (const [name, [yaml, shown]] of Object.entries(MISTAKES)) {
    test(name, async () => {
      const found = await mistakes(yaml);
      assert.equal(found.length, 1, found.join('\n'));
      if (typeof shown === 'string') assert.equal(found[0], shown);
      else assert.match(found[0] ?? '', shown);
    });
  }

  test('all at once, in the order of the file', async () => {
    const found = await mistakes(
      'server:\n  prt: 1\nstore: { kind: x }\nroutes:\n  - { path: /in, dataset: a }\nserver2: 1\nlog: { level: loud }',
    );
    assert.deepEqual(
      found.map((line) => line.split(' ')[0]),
      ['azud.yaml:2:3', 'azud.yaml:3:16', 'azud.yaml:5:27', 'azud.yaml:6:1', 'azud.yaml:7:15'],
    );
  });

  test('a mistake in a schema file stands at its place in that file', async () => {
    const schema = '{\n  "type": "object",\n  "properties": {\n    "x": { "type": "strng" }\n  }\n}\n';
    const [found] = await mistakes('datasets:\n  a:\n    schema: { $ref: ./a.json }', {}, { 'a.json': schema });
    assert.match(found ?? '', /^a\.json:4:20 datasets\.a\.schema\.properties\.x\.type: /);
  });

  test('the secret itself is never shown', async () => {
    const found = await mistakes('auth: { tokens: [{ name: a, secret: hush, scopes: [admin] }] }\nnope: 1');
    assert.ok(!found.join().includes('hush'));
  });
});

describe('the environment and flags', () => {
  test('are put in where the file asks for them', async () => {
    const yaml = `system: { name: "\${NAME}" }\nserver:\n  port: \${PORT:-9000}\n  host: \${HOST:-::1}\n`;
    const config = await load(yaml, { env: { NAME: 'x', PORT: '9001', HOST: '' } });
    assert.equal(config.system.name, 'x');
    assert.deepEqual(config.server, { port: 9001, host: '::1' });
  });

  test('can be written as they stand', async () => {
    const config = await load(`${READINGS}endpoints:\n  a: { sql: "SELECT '$\${X}'" }`);
    assert.equal(config.endpoints[0]?.sql, `SELECT '\${X}'`);
  });

  test('override the file, flags above variables', async () => {
    const yaml = `server: { port: 1 }\n${READINGS}`;
    const env = { AZUD_SERVER_PORT: '2', AZUD_LOG_LEVEL: 'warn', AZUD_DATASETS_READINGS_RETENTION: '2d' };
    const config = await load(yaml, { env, flags: { 'server.port': '3' } });
    assert.equal(config.server.port, 3);
    assert.equal(config.log.level, 'warn');
    assert.equal(config.datasets.get('readings')?.retentionMs, 2 * 86_400_000);
    assert.equal((await load(yaml, { env })).server.port, 2);
  });

  test('are checked like the file, and named in the mistake', async () => {
    assert.deepEqual(await mistakes('', { env: { AZUD_SERVER_PORT: 'x' } }), [
      'AZUD_SERVER_PORT server.port: expected an integer from 0 to 65535, got "x"',
    ]);
    assert.deepEqual(await mistakes('', { flags: { 'server.prt': '1' } }), [
      '--server.prt belongs to no setting; did you mean "server.port"?',
    ]);
  });

  test('that everybody knows count where the file says nothing', async () => {
    const env = { PUBSUB_EMULATOR_HOST: '127.0.0.1:8085' };
    const emulatorOf = async (yaml: string, given: Given) => {
      const { broker } = await load(yaml, given);
      return broker.kind === 'pubsub' ? broker.emulator : assert.fail(broker.kind);
    };
    assert.equal(await emulatorOf('broker: { kind: pubsub }', { env }), '127.0.0.1:8085');
    assert.equal(await emulatorOf('broker: { kind: pubsub }', {}), null);
    assert.equal(await emulatorOf('broker: { kind: pubsub, emulator: here:1 }', { env }), 'here:1');
  });

  test('that belong to no setting are a warning', async () => {
    const config = await load('datasets: { a: { schema: { properties: { n: { type: integer } } } } }', {
      env: { AZUD_SERVER_PRT: '1', AZUD_URL: 'http://x', OTHER: '1' },
    });
    assert.deepEqual(config.warnings, ['AZUD_SERVER_PRT belongs to no setting; did you mean "AZUD_SERVER_PORT"?']);
  });
});

test('a file without a dataset is taken, with a warning that says what that means', async () => {
  assert.deepEqual((await load('')).warnings, ['no dataset is configured: nothing can be taken in']);
});

describe('a secret', () => {
  const token = (secret: string) => `auth: { tokens: [{ name: a, scopes: [admin], ${secret} }] }`;

  test('may stand in a file, whose last newline does not belong to it', async () => {
    const config = await load(token('secret_file: ./s/a'), {}, { 's/a': '0123456789abcdef\n' });
    assert.equal(config.auth.tokens[0]?.secret, '0123456789abcdef');
  });

  test('may come from the environment, as text or as a file', async () => {
    const env = { SECRET: '0123456789abcdef' };
    assert.equal((await load(token(`secret: "\${SECRET}"`), { env })).auth.tokens[0]?.secret, env.SECRET);
    const override = { AZUD_AUTH_TOKENS_0_SECRET: 'fedcba9876543210' };
    assert.equal(
      (await load(token('secret: "0123456789abcdef"'), { env: override })).auth.tokens[0]?.secret,
      'fedcba9876543210',
    );
  });

  test('in a file that is missing or empty, or given twice, is a mistake', async () => {
    assert.match(
      (await mistakes(token('secret_file: ./nope')))[0] ?? '',
      /secret_file: the file cannot be read: ENOENT/,
    );
    assert.match((await mistakes(token('secret_file: ./e'), {}, { e: '\n' }))[0] ?? '', /is empty$/);
    const both = await mistakes(token('secret: 0123456789abcdef, secret_file: ./s'), {}, { s: '0123456789abcdef' });
    assert.match(both[0] ?? '', /stands beside secret; give one of the two$/);
    assert.match((await mistakes(token('rate: 5')))[0] ?? '', /secret: missing; expected a secret/);
  });
});

describe('a schema', () => {
  test('may refer to files, which refer to files', async () => {
    const config = await load(
      'datasets:\n  a: { schema: { $ref: ./s/a.json } }',
      {},
      {
        's/a.json':
          '{"type":"object","properties":{"x":{"$ref":"./b.json#/$defs/x"},"y":{"$ref":"#/$defs/y"}},"$defs":{"y":{"type":"string"}}}',
        's/b.json': '{"$defs":{"x":{"$ref":"#/$defs/z"},"z":{"type":"integer"}}}',
      },
    );
    assert.deepEqual(config.datasets.get('a')?.schema.properties, { x: { type: 'integer' }, y: { $ref: '#/$defs/y' } });
  });

  test('that refers to itself through files is a mistake', async () => {
    const [found] = await mistakes(
      'datasets:\n  a: { schema: { $ref: ./a.json } }',
      {},
      {
        'a.json': '{"type":"object","properties":{"x":{"$ref":"./b.json"}}}',
        'b.json': '{"allOf":[{"$ref":"./b.json"}]}',
      },
    );
    assert.match(found ?? '', /references run in a ring/);
  });
});
