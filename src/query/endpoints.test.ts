import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { memoryResults } from '../../test/support/cache.ts';
import { AzudError, isAzudError } from '../error/azud-error.ts';
import type { RowStream, SqlQuery, Value } from '../store/driver.ts';
import type { EndpointDeclaration, ParameterDeclaration } from './config.ts';
import { compileEndpoints } from './endpoint.ts';
import { bind, Endpoints } from './endpoints.ts';

const NEVER = new AbortController().signal;
const FORM = { format: 'json', raw: false } as const;
const DELAYS: EndpointDeclaration = {
  name: 'delays',
  params: {
    origin: { type: 'string', pattern: '^[A-Z]{3}$', required: true },
    limit: { type: 'integer', default: 10, minimum: 1, maximum: 1_000 },
    since: { type: 'date' },
  },
  sql: 'SELECT origin, delay FROM flights WHERE origin = $origin AND day >= $since LIMIT $limit',
};

const declare = (
  name: string,
  params: Record<string, ParameterDeclaration>,
  more: Partial<EndpointDeclaration> = {},
) => {
  const sql = `SELECT ${Object.keys(params)
    .map((param) => `$${param}`)
    .join(', ')}`;
  return { name, params, sql, ...more };
};

function mistakes(...declarations: EndpointDeclaration[]): readonly string[] {
  try {
    compileEndpoints(declarations);
    return [];
  } catch (error) {
    assert.ok(isAzudError(error, 'invalid-config'), String(error));
    return error.errors.map(({ path, message }) => `${path} ${message}`);
  }
}

describe('endpoints are refused at start', () => {
  test('with every mistake and its path at once', () => {
    const found = mistakes(
      { ...DELAYS, sql: 'SELECT $orign, $limit' },
      declare('Bad Name', {}, { sql: 'SELECT 1; SELECT 2' }),
      declare('other', {}, { sql: 'SELECT 1', path: '/v1/endpoints/delays' }),
      declare('typed', {
        a: { type: 'integer', default: 'x' },
        b: { type: 'string', pattern: '(' },
        c: { type: 'string', minimum: 1 },
        d: { type: 'boolean', minLength: 1 },
        e: { type: 'string', required: true, default: 'x' },
        format: { type: 'string' },
      }),
      declare('bounded', {
        a: { type: 'integer', minimum: 5, maximum: 2 },
        b: { type: 'date', minimum: '2026-01-02', maximum: '2026-01-01' },
        c: { type: 'string', minLength: 9, maxLength: 2 },
        d: { type: 'integer', default: 2 ** 53, enum: [2 ** 53] },
        e: { type: 'integer', default: '9007199254740993', minimum: 1, maximum: '9223372036854775807' },
      }),
      declare('numbered', {}, { sql: 'SELECT ?, $1' }),
      declare('placed', {}, { sql: 'SELECT 1', path: '/data/{id}' }),
      declare('blank', {}, { sql: '  ' }),
      declare('erasing', {}, { sql: '-- tidy\nDELETE FROM flights' }),
    );
    assert.deepEqual(found, [
      '/endpoints/delays/sql uses $orign, which params does not declare; did you mean "origin"?',
      '/endpoints/delays/params/origin is not used: the sql has no $origin; did you mean "orign"?',
      '/endpoints/delays/params/since is not used: the sql has no $since',
      '/endpoints/Bad Name must be a name that matches ^[a-z][a-z0-9_]{0,62}$',
      '/endpoints/Bad Name/path must be a path such as /v1/delays or /data/{id}',
      '/endpoints/Bad Name/sql holds several statements; give one SELECT',
      '/endpoints/other/path is the path of delays already',
      '/endpoints/typed/params/a/default must be a whole number',
      '/endpoints/typed/params/b/pattern is not a regular expression',
      '/endpoints/typed/params/c/minimum means nothing for the type string',
      '/endpoints/typed/params/d/minLength means nothing for the type boolean',
      '/endpoints/typed/params/e/default means nothing: the parameter is required',
      '/endpoints/typed/params/format is taken: it chooses the form of the answer',
      '/endpoints/bounded/params/a/maximum is below the minimum: nothing fits',
      '/endpoints/bounded/params/b/maximum is below the minimum: nothing fits',
      '/endpoints/bounded/params/c/maxLength is below minLength: nothing fits',
      '/endpoints/bounded/params/d/enum is beyond 2^53, where YAML rounds: write it in quotes',
      '/endpoints/bounded/params/d/default is beyond 2^53, where YAML rounds: write it in quotes',
      '/endpoints/numbered/sql has placeholders by number; name them, as in $origin',
      '/endpoints/placed/path holds {id}, which params does not declare',
      '/endpoints/blank/sql is empty',
      '/endpoints/erasing/sql is not a SELECT',
    ]);
  });

  test('but not for what stands in literals, comments and quoted names', () => {
    const sql = `-- $a ? ;\nSELECT '$b;''?' AS "$c;?", $$ $d ; ? $$, $t$ $e $$ $t$, x::INT /* $f ; */ FROM t WHERE y = $id;  -- end\n`;
    assert.deepEqual(mistakes({ name: 'quoted', params: { id: { type: 'string' } }, sql }), []);
  });
});

describe('parameters of an endpoint', () => {
  const endpoints = compileEndpoints([
    DELAYS,
    declare('typed', {
      i: { type: 'integer' },
      n: { type: 'number', minimum: 0.5 },
      b: { type: 'boolean' },
      d: { type: 'date', minimum: '2020-01-01' },
      t: { type: 'date-time' },
      e: { type: 'string', enum: ['a', 'b'] },
      s: { type: 'string', minLength: 2, maxLength: 3 },
    }),
  ]);
  const values = (name: string, query: string) => {
    const endpoint = endpoints.get(name);
    assert.ok(endpoint);
    return Object.fromEntries(
      Object.entries(bind(endpoint, new URLSearchParams(query))).map(([key, { value }]) => [key, value]),
    );
  };

  test('are bound typed; optional ones as their default or NULL', () => {
    assert.deepEqual(values('delays', 'origin=SCL&format=csv'), { origin: 'SCL', limit: 10, since: null });
    assert.deepEqual(
      values('typed', 'i=9223372036854775807&n=0.5&b=true&d=2026-02-28&t=2026-01-01T00:00:00-03:00&e=a&s=ñññ'),
      {
        i: 9223372036854775807n,
        n: 0.5,
        b: true,
        d: '2026-02-28',
        t: '2026-01-01T03:00:00.000Z',
        e: 'a',
        s: 'ñññ',
      },
    );
  });

  const REFUSED: readonly (readonly [string, string, string])[] = [
    ['delays', '', '"origin" is missing'],
    ['delays', 'origin=SCL&origin=LIM', '"origin" is given more than once'],
    ['delays', 'origin=SCL&orign=LIM', '"orign" is not a parameter here; did you mean "origin"?'],
    ['delays', 'origin=SCL&a[]=1', '"a[]" is not a parameter here'],
    ['delays', 'origin=SCL&__proto__=3', '"__proto__" is not a parameter here'],
    ['delays', 'origin=scl', '"origin" must be text that matches ^[A-Z]{3}$'],
    ['delays', "origin=1' or 1=1", '"origin" must be text that matches ^[A-Z]{3}$'],
    ['delays', 'origin=SCL&limit=0', '"limit" must be at least 1'],
    ['delays', 'origin=SCL&limit=1001', '"limit" must be at most 1000'],
    ['delays', 'origin=SCL&limit=1e2', '"limit" must be a whole number'],
    ['delays', 'origin=SCL&since=2026-02-30', '"since" must be a day such as 2026-01-31'],
    ['typed', 'i=9223372036854775808', '"i" must be a whole number of 64 bits'],
    ['typed', 'i=0x10', '"i" must be a whole number'],
    ['typed', 'i=%201', '"i" must be a whole number'],
    ['typed', 'i=', '"i" must be a whole number'],
    ['typed', 'n=1e309', '"n" must be a number such as 12 or -0.5'],
    ['typed', 'n=0.4', '"n" must be at least 0.5'],
    ['typed', 'b=yes', '"b" must be true or false'],
    ['typed', 'd=2019-12-31', '"d" must be at least 2020-01-01'],
    ['typed', 't=now()', '"t" must be a time such as 2026-01-31T08:00:00Z, or a day'],
    ['typed', 'e=c', '"e" must be one of a, b'],
    ['typed', 's=x', '"s" must be at least 2 characters'],
    ['typed', 's=xxxx', '"s" must be at most 3 characters'],
    ['typed', `s=${'x'.repeat(10_000)}`, '"s" is longer than 8192 bytes'],
  ];
  for (const [name, query, message] of REFUSED) {
    test(`are refused: ${query.slice(0, 40)}`, () => {
      assert.throws(() => values(name, query), { code: 'invalid-parameter', message });
    });
  }
});

describe('a call of an endpoint', () => {
  let calls: SqlQuery[] = [];
  let rows: Value[][] = [];
  const store = {
    async sql(query: SqlQuery): Promise<RowStream> {
      calls.push(query);
      const answer = rows;
      return {
        columns: [{ name: 'origin', type: 'string' }],
        chunks: (async function* () {
          yield answer;
        })(),
      };
    },
  };
  const one = declare('one', { id: { type: 'string', required: true } }, { shape: 'row' });
  const cached = declare('cached', { id: { type: 'string' } }, { cacheMs: 2_500 });
  const open = async () => {
    const clock = { at: 0, monotonic: () => clock.at };
    const endpoints = new Endpoints({
      endpoints: compileEndpoints([DELAYS, one, cached]),
      store,
      results: await memoryResults(clock),
      datasets: ['flights'],
    });
    return { clock, endpoints };
  };
  const call = (endpoints: Endpoints, name: string, query: string) =>
    endpoints.call({ name, params: new URLSearchParams(query), form: FORM, signal: NEVER });
  const text = async (body: Buffer | AsyncIterable<Buffer>) =>
    Buffer.isBuffer(body) ? body.toString() : Buffer.concat(await Array.fromAsync(body)).toString();

  beforeEach(() => {
    calls = [];
    rows = [['SCL'], ['LIM']];
  });

  test('streams its rows, the SQL the same whatever the values', async () => {
    const { endpoints } = await open();
    const answer = await call(endpoints, 'delays', 'origin=SCL');
    assert.deepEqual(JSON.parse(await text(answer.body)), { data: [{ origin: 'SCL' }, { origin: 'LIM' }] });
    assert.equal(answer.maxAgeSeconds, null);
    assert.equal(calls[0]?.text, DELAYS.sql);
    assert.deepEqual(calls[0]?.params.limit, { type: 'integer', value: 10 });
  });

  test('gives the bare row with shape row, and 404 when there is none', async () => {
    const { endpoints } = await open();
    assert.equal(await text((await call(endpoints, 'one', 'id=1')).body), '{"origin":"SCL"}\n');
    rows = [];
    await assert.rejects(call(endpoints, 'one', 'id=2'), { code: 'row-not-found' });
    await assert.rejects(call(endpoints, 'one', ''), { code: 'invalid-parameter', message: '"id" is missing' });
    await assert.rejects(call(endpoints, 'oen', ''), {
      code: 'endpoint-not-found',
      message: 'no endpoint oen; did you mean "one"?',
    });
  });

  test('with a cache asks once for all who want the same, and again when it has expired', async () => {
    const { clock, endpoints } = await open();
    const answers = await Promise.all(Array.from({ length: 50 }, () => call(endpoints, 'cached', 'id=1')));
    assert.equal(calls.length, 1);
    assert.equal(new Set(await Promise.all(answers.map(({ body }) => text(body)))).size, 1);
    assert.equal(answers[0]?.maxAgeSeconds, 2);
    await call(endpoints, 'cached', 'id=2');
    assert.equal(calls.length, 2);
    rows = [['new']];
    clock.at = 2_500;
    const renewed = await call(endpoints, 'cached', 'id=1');
    assert.equal(calls.length, 3);
    assert.match(await text(renewed.body), /new/);
  });

  test('with a cache asks again once something was stored into a dataset that it reads, and not for others', async () => {
    const kept = declare('kept', {}, { sql: 'SELECT origin FROM "Flights" -- of all clients', cacheMs: 60_000 });
    const all = declare('all', {}, { sql: 'SELECT count(*) FROM _transactions', cacheMs: 60_000 });
    const results = await memoryResults();
    const datasets = ['flights', 'clients', 'bags'];
    const endpoints = new Endpoints({ endpoints: compileEndpoints([kept, all, one]), store, results, datasets });
    assert.deepEqual([...endpoints.watched].sort(), ['bags', 'clients', 'flights']);
    const asked = async (name: string, ...changed: string[]) => {
      await call(endpoints, name, '');
      await results.changed(changed);
      calls = [];
      await call(endpoints, name, '');
      return calls.length;
    };
    assert.equal(await asked('kept'), 0);
    assert.equal(await asked('kept', 'bags'), 0);
    assert.equal(await asked('kept', 'flights'), 1);
    assert.equal(await asked('kept', 'clients'), 1, 'a name in a comment counts too');
    assert.equal(await asked('all', 'bags'), 1);
  });

  test('tells beforehand which of them cannot work, and why, without reading a row', async () => {
    const asked: string[] = [];
    const tried = new Endpoints({
      endpoints: compileEndpoints([one, declare('broken', {}, { sql: 'SELECT nothing FROM flights;\n' })]),
      store: {
        async sql(query) {
          asked.push(query.text);
          if (query.text.includes('nothing')) throw new AzudError('sql-failed', 'no column nothing');
          return store.sql(query);
        },
      },
      results: await memoryResults(),
      datasets: ['flights'],
    });
    const faults = await tried.faults(new AbortController().signal);
    assert.deepEqual([...faults], [['broken', 'no column nothing']]);
    assert.equal(asked[1], 'SELECT * FROM (\nSELECT nothing FROM flights\n) AS tried LIMIT 0');
  });

  test('does not keep a failure', async () => {
    const { endpoints } = await open();
    const failing = new Endpoints({
      endpoints: compileEndpoints([cached]),
      store: { sql: () => Promise.reject(new Error('no')) },
      results: await memoryResults(),
      datasets: ['flights'],
    });
    await assert.rejects(Promise.all([call(failing, 'cached', ''), call(failing, 'cached', '')]), /no/);
    await assert.rejects(call(failing, 'cached', ''), /no/);
    assert.ok(await call(endpoints, 'cached', ''));
  });
});
