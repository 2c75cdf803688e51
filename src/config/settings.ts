import { BROKER_SETTINGS } from '../broker/config.ts';
import { CACHE_SETTINGS } from '../cache/config.ts';
import { DATASET_NAME } from '../event/dataset.ts';
import {
  boolean,
  bytes,
  duration,
  instant,
  integer,
  list,
  map,
  object,
  oneOf,
  path,
  scalar,
  schema,
  secret,
  string,
  type ValueOf,
} from '../lib/setting.ts';
import { STORE_SETTINGS } from '../store/config.ts';
import { LOG_LEVELS } from './config.ts';

/** Every setting of azud.yaml. The parser, azud.schema.json and docs/reference/config.md are made from this. */

const NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/;
const NAME_WORDS = 'a name of small letters, digits, ".", "_" and "-", at most 63';
const DATASET_WORDS = 'a name that matches ^[a-z][a-z0-9_]{0,62}$';
const URL_PATH = /^\/[A-Za-z0-9._~\-/{}]{1,200}$/;
const POINTER = /^\/[^/]+$/;

const system = object(
  {
    name: string({
      description: 'Name of this installation, shown in logs and metrics.',
      pattern: NAME,
      expected: NAME_WORDS,
      default: 'azud',
      example: 'flights-scl',
    }),
    environment: string({
      description: 'Where it runs: dev, uat, prd, or a word of your own.',
      pattern: NAME,
      expected: NAME_WORDS,
      default: 'dev',
    }),
  },
  { description: 'Who this system is.' },
);

const server = object(
  {
    host: string({
      description: 'Address to listen on. Without tokens only a loopback address is allowed.',
      pattern: /^[0-9A-Za-z.:_-]{1,253}$/,
      expected: 'a host name or an IP address',
      default: '127.0.0.1',
    }),
    port: integer({
      description: 'TCP port to listen on; 0 takes any free one.',
      minimum: 0,
      maximum: 65_535,
      default: 8080,
    }),
  },
  { description: 'The public HTTP address.' },
);

const token = object(
  {
    name: string({
      description: 'Who holds the token; shown in the audit trail.',
      pattern: NAME,
      expected: NAME_WORDS,
    }),
    secret: secret({ description: 'The token itself, at least 16 characters.', example: 'a-long-random-text' }),
    scopes: list(string({ description: 'One right.', example: 'intake:flights' }), {
      description:
        'What it may do: admin, metrics, dead-letters, sql, intake:<dataset or *>, query:<dataset, endpoint or *>.',
      example: '["intake:flights", "query:*"]',
    }),
    expires: instant({ description: 'From then on the token is refused.', default: null, example: '2027-01-31' }),
    rate: integer({
      description: 'Requests a second; above it the answer is 429.',
      minimum: 1,
      maximum: 1_000_000,
      default: null,
      example: '100',
    }),
  },
  { description: 'One caller.' },
);

const dataset = object(
  {
    schema: schema({
      description: 'JSON Schema 2020-12 of one event, inline or `{ $ref: ./file.json }`.',
      example: '{ $ref: ./flights.schema.json }',
    }),
    mode: oneOf(['append', 'upsert'], {
      description: 'append keeps every event; upsert keeps, for each key, the event received last.',
      default: 'append',
    }),
    key: string({
      description: 'Upsert mode: JSON Pointer to the property that is the key.',
      pattern: POINTER,
      expected: 'a JSON Pointer to a top-level property, such as /id',
      default: null,
      example: '/id',
    }),
    event_id: string({
      description: 'JSON Pointer to the property that identifies an event: an event sent twice is stored once.',
      pattern: POINTER,
      expected: 'a JSON Pointer to a top-level property, such as /id',
      default: null,
      example: '/flight_id',
    }),
    time: string({
      description: "JSON Pointer to the event's own time.",
      pattern: POINTER,
      expected: 'a JSON Pointer to a top-level property, such as /date',
      default: null,
      example: '/date',
    }),
    retention: duration({
      description: 'Rows received longer ago are removed; absent keeps them for ever.',
      default: null,
      example: '400d',
    }),
    dedupe_window: duration({
      description: 'How long an event id is remembered, so that the same event sent again is a duplicate.',
      default: '7d',
    }),
  },
  { description: 'A named schema and the table behind it.' },
);

const route = object(
  {
    path: string({
      description: 'An extra path that takes POST.',
      pattern: URL_PATH,
      expected: 'a URL path such as /ingresar-datos',
      example: '/ingresar-datos',
    }),
    dataset: string({ description: 'The dataset that its events go to.', example: 'messages' }),
  },
  { description: 'One extra intake path.' },
);

function characters(description: string) {
  return integer({ description, minimum: 0, maximum: 8_192, default: null });
}

const parameter = object(
  {
    type: oneOf(['string', 'integer', 'number', 'boolean', 'date', 'timestamp', 'date-time'], {
      description: 'How the value is read and bound.',
      default: 'string',
    }),
    description: string({ description: 'Shown in /docs.', default: null }),
    required: boolean({ description: 'Whether a request without it is refused.', default: false }),
    default: scalar({ description: 'Value when the request gives none.', default: null, example: '10' }),
    enum: list(scalar({ description: 'One value.' }), { description: 'The values allowed.', example: '[LAS, ATL]' }),
    pattern: string({
      description: 'Regular expression that some part of a string must match.',
      default: null,
      example: '"^[A-Z]{3}$"',
    }),
    minLength: characters('Least characters of a string.'),
    maxLength: characters('Most characters of a string.'),
    minimum: scalar({ description: 'Least value allowed.', default: null, example: '1' }),
    maximum: scalar({ description: 'Greatest value allowed.', default: null, example: '1000' }),
  },
  { description: 'One parameter.' },
);

const endpoint = object(
  {
    path: string({
      description: 'GET path; `{name}` in it is a parameter. Absent: /v1/endpoints/<name>.',
      pattern: URL_PATH,
      expected: 'a URL path such as /getClient or /data/{id}',
      default: null,
      example: '/getClient',
    }),
    description: string({ description: 'Shown in /docs.', default: null }),
    params: map(parameter, {
      description: 'Parameters of the query string or the path, bound as `$name` in the SQL.',
      key: DATASET_NAME,
      expectedKey: DATASET_WORDS,
    }),
    sql: string({
      description: 'One SELECT over the datasets, with `$name` for parameters.',
      example: 'SELECT count(*) AS flights FROM flights',
    }),
    cache: duration({ description: 'How long an answer may be given again.', default: '0s', example: '30s' }),
    timeout: duration({ description: 'Longest time of one query; at most 30s.', default: '30s', example: '5s' }),
    shape: oneOf(['rows', 'row'], {
      description: 'rows answers {"data": […]}; row answers the one row, or 404.',
      default: 'rows',
    }),
  },
  { description: 'A named, parameterised SQL query published at a GET path.' },
);

const adHoc = object(
  {
    max_age: duration({
      description: 'How old the data may be that a query reads: DuckDB is asked on a copy, made when it is older.',
      default: '1m',
    }),
    timeout: duration({ description: 'Longest time of one query; at most 30s.', default: '30s' }),
    memory_limit: bytes({ description: 'Memory that one query may use, at least 64MiB.', default: '512MiB' }),
  },
  { description: 'Ad-hoc SQL: POST /v1/sql and azud sql, for tokens with the scope sql.' },
);

export const SETTINGS = object(
  {
    version: integer({ description: 'Version of this file format.', minimum: 1, maximum: 1, default: 1 }),
    system,
    server,
    auth: object(
      { tokens: list(token, { description: 'Who may call; none: everybody on this machine.' }) },
      { description: 'Who may do what. Absent: allowed on a loopback address only.' },
    ),
    data_dir: path({ description: 'Where the log and the database are kept.', default: './data' }),
    broker: BROKER_SETTINGS,
    store: STORE_SETTINGS,
    cache: CACHE_SETTINGS,
    datasets: map(dataset, {
      description: 'What Azud takes in, by name.',
      key: DATASET_NAME,
      expectedKey: DATASET_WORDS,
    }),
    routes: list(route, { description: 'Extra intake paths, for callers that cannot change.' }),
    endpoints: map(endpoint, {
      description: 'SQL queries published at GET paths, by name.',
      key: DATASET_NAME,
      expectedKey: DATASET_WORDS,
    }),
    sql: adHoc,
    log: object(
      { level: oneOf(LOG_LEVELS, { description: 'Least severe line that is logged.', default: 'info' }) },
      { description: 'The log on stderr.' },
    ),
  },
  { description: 'One Azud system.' },
);

export type Declared = ValueOf<typeof SETTINGS>;
