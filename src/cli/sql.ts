import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { messageOf } from '../error/azud-error.ts';
import { usage } from './arguments.ts';
import { clientOf } from './client.ts';
import { CLIENT_OPTIONS, type Command, type Invocation, JSON_OPTION, type World } from './command.ts';
import { pairsOf } from './query.ts';
import type { Cell } from './table.ts';

interface Result {
  readonly data: readonly Readonly<Record<string, Cell>>[];
  readonly as_of: string;
}

export const sql: Command = {
  name: 'sql',
  summary: 'Run one SELECT of your own.',
  arguments: [{ name: 'query', description: 'the SQL; - reads it from stdin', optional: true }],
  options: {
    file: { type: 'string', short: 'f', value: 'file', description: 'File that holds the SQL.' },
    param: {
      type: 'string',
      short: 'p',
      value: 'name=value',
      multiple: true,
      description: 'A parameter, $name in SQL.',
    },
    format: {
      type: 'string',
      value: 'format',
      choices: ['table', 'json', 'ndjson', 'csv', 'parquet'],
      description: 'How the rows are printed (table).',
    },
    ...CLIENT_OPTIONS,
    json: JSON_OPTION,
  },
  examples: [
    `azud sql 'SELECT origin, count(*) AS flights FROM flights GROUP BY origin ORDER BY 2 DESC LIMIT 5'`,
    `azud sql -p origin=LAS 'SELECT avg(delay) FROM flights WHERE origin = $origin'`,
    'azud sql --file report.sql --format csv > report.csv',
  ],
  async run(invocation, world) {
    const format = invocation.flags.has('json') ? 'json' : (invocation.values.format ?? 'table');
    const request = {
      method: 'POST' as const,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ sql: await sqlOf(invocation, world), params: paramsOf(invocation) }),
      signal: world.signal,
    };
    const client = clientOf(invocation, world);
    if (format === 'ndjson' || format === 'csv' || format === 'parquet') {
      const response = await client.request('/v1/sql', { ...request, query: [['format', format]] });
      world.out.bytes(Buffer.from(await response.arrayBuffer()));
      return 0;
    }
    const result = await client.json<Result>('/v1/sql', request);
    if (format === 'json') world.out.json(result);
    else if (result.data.length === 0) world.out.say('no rows');
    else world.out.table(result.data);
    world.out.say(world.out.faint(`as of ${result.as_of}`));
    return 0;
  },
};

async function sqlOf({ arguments: { query }, values: { file } }: Invocation, { stdin }: World): Promise<string> {
  if ((query === undefined) === (file === undefined)) throw usage('give the SQL, or --file, and not both');
  if (query === '-') return text(stdin);
  if (query !== undefined) return query;
  try {
    return readFileSync(file ?? '', 'utf8');
  } catch (error) {
    throw usage(`the file cannot be read: ${messageOf(error)}`);
  }
}

/** Numbers, true, false and null as JSON spells them; anything else is text. */
function paramsOf({ lists }: Invocation): Record<string, unknown> {
  const pairs = pairsOf(lists.param ?? [], '--param');
  const twice = pairs.find(([name], at) => pairs.findIndex(([other]) => other === name) < at);
  if (twice) throw usage(`--param ${twice[0]} is given more than once`);
  return Object.fromEntries(
    pairs.map(([name, value]) => {
      if (value === 'true' || value === 'false' || value === 'null') return [name, JSON.parse(value)];
      const number = Number(value);
      return [name, value !== '' && String(number) === value && Number.isFinite(number) ? number : value];
    }),
  );
}
