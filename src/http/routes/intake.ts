import { isAzudError } from '../../error/azud-error.ts';
import type { ErrorCode } from '../../error/catalogue.ts';
import type { Dataset } from '../../event/dataset.ts';
import type { Receipt } from '../../event/outcome.ts';
import type { IntakeResult } from '../../intake/intake.ts';
import { systemClock } from '../../lib/clock.ts';
import { INTAKE_LIMITS } from '../../limits.ts';
import { readOnce } from '../../query/parameters.ts';
import { type Answer, JSON_TYPE, jsonAnswer } from '../answer.ts';
import { authorize } from '../auth.ts';
import type { IntakeRoom } from '../rooms.ts';
import type { Handler, RequestBodyDoc, Route, RouteRequest } from './route.ts';
import { inHeader, inPath, inQuery, json, named, text } from './shapes.ts';
import { invalid, readWaitMs, WAIT_NAMES, WAIT_PARAMETERS } from './wait.ts';

const PARAMETERS: ReadonlySet<string> = new Set(['strict', ...WAIT_NAMES]);
/** One question to analytics waits no longer than this, ms: well below the time after which it counts as hung. */
const WAIT_PART_MS = 20_000;
/** Beyond the time given to it, for the way there and back, ms. */
const GRACE_MS = 250;
/** While analytics is away it is asked this often, ms. */
const RETRY_MS = 250;

const ERRORS: readonly ErrorCode[] = [
  'empty-body',
  'invalid-json',
  'invalid-utf8',
  'duplicate-key',
  'too-deep',
  'bad-encoding',
  'invalid-parameter',
  'invalid-cloudevent',
  'dataset-not-found',
  'too-large',
  'batch-too-large',
  'unsupported-media-type',
  'unsupported-charset',
  'unsupported-encoding',
  'not-an-event',
  'schema-violation',
  'batch-rejected',
  'rate-limited',
  'overloaded',
  'storage-full',
];

const COMMON = {
  method: 'POST',
  home: 'intake',
  tag: 'intake',
  streamed: false,
  bodyBytesMax: INTAKE_LIMITS.bodyBytesMax,
  errors: ERRORS,
  responses: {
    200: json('Stored, or final in another way: the answer to `wait=stored`.', named('Receipt')),
    202: json('Safe, and on its way to the store. Rejected rows of a batch are dead letters.', named('Accepted')),
  },
} as const satisfies Partial<Route>;

const QUERY_PARAMETERS = [
  inQuery('strict', 'All events or none.', { type: 'boolean', default: false }),
  ...WAIT_PARAMETERS,
];
const KEY_HEADER = inHeader('Idempotency-Key', 'The same key makes the same transaction, however often it is sent.');

/** Every way in: one path a dataset, the CloudEvents door, and the paths of callers that cannot change. */
export function intakeRoutes(
  datasets: ReadonlyMap<string, Dataset>,
  extra: readonly { readonly path: string; readonly dataset: string }[],
): Route[] {
  return [
    ...[...datasets.values()].map((dataset) => ({
      ...datasetRoute(dataset, `/v1/events/${dataset.name}`),
      template: '/v1/events/{dataset}',
    })),
    anyDatasetRoute(),
    cloudEventsRoute(),
    ...extra.flatMap(({ path, dataset: name }) => {
      const dataset = datasets.get(name);
      return dataset ? [{ ...datasetRoute(dataset, path), id: `take_in${path.replaceAll(/\W+/g, '_')}` }] : [];
    }),
  ];
}

function datasetRoute(dataset: Dataset, path: string): Route {
  const { name } = dataset;
  return {
    ...COMMON,
    id: `take_in_${name}`,
    path,
    summary: `Take in events of ${name}`,
    description:
      'One event, an array, NDJSON, CSV or CloudEvents. The answer is given when they are safe, never before.',
    scope: `intake:${name}`,
    parameters: [...QUERY_PARAMETERS, KEY_HEADER],
    requestBody: bodyOf(dataset),
    example: `-H 'content-type: application/json' -d '${shellQuoted(JSON.stringify(sampleEvent(dataset)))}'`,
    handler: taking(() => name),
  };
}

/** For names that no dataset has: it says so. Declared ones have a path of their own above. */
function anyDatasetRoute(): Route {
  return {
    ...COMMON,
    id: 'take_in',
    path: '/v1/events/{dataset}',
    summary: 'Take in events of a dataset',
    description: 'The same for any dataset, by name.',
    scope: { documented: 'intake:{dataset}', of: ({ dataset = '' }) => `intake:${dataset}` },
    parameters: [inPath('dataset', 'Its name.'), ...QUERY_PARAMETERS, KEY_HEADER],
    requestBody: anyBody('Events of the dataset.'),
    example: `-H 'content-type: application/x-ndjson' --data-binary @events.ndjson`,
    handler: taking(({ dataset = '' }) => dataset),
  };
}

function cloudEventsRoute(): Route {
  const content = {
    'application/cloudevents+json': {},
    'application/cloudevents-batch+json': {},
    // Binary mode: the attributes are headers.
    'application/json': { type: 'object' },
  };
  return {
    ...COMMON,
    id: 'take_in_cloudevents',
    path: '/v1/events',
    summary: 'Take in CloudEvents of any dataset',
    description: 'Structured, batch or binary mode; the `type` of each event names its dataset.',
    // Each event's dataset is known, and its scope asked for, only when it has been read.
    scope: { documented: 'intake:{type of each event}', of: () => 'any' },
    parameters: [...QUERY_PARAMETERS, KEY_HEADER],
    requestBody: {
      required: true,
      description: 'CloudEvents 1.0; plain JSON with `ce-…` headers is the binary mode.',
      content,
    },
    example:
      `-H 'content-type: application/cloudevents+json' ` +
      `-d '{"specversion":"1.0","id":"1","source":"/shell","type":"flights","data":{}}'`,
    handler: taking(() => null),
  };
}

function taking(datasetOf: (params: RouteRequest['params']) => string | null): Handler {
  return (request, rooms) => {
    const { strict, waitMs } = optionsOf(request);
    const intake = rooms.intake();
    const taken = intake.take({
      dataset: datasetOf(request.params),
      headers: request.headers,
      body: request.body,
      strict,
      allow: (dataset) => authorize(request.principal, `intake:${dataset}`),
    });
    return waitMs === 0 ? taken.then(accepted) : waited(taken, { request, intake, waitMs });
  };
}

/** The answer to `wait=stored`. */
async function waited(
  taken: Promise<IntakeResult>,
  { request, intake, waitMs }: { readonly request: RouteRequest; readonly intake: IntakeRoom; readonly waitMs: number },
): Promise<Answer> {
  const result = await taken;
  const signal = AbortSignal.any([request.signal, intake.ending]);
  const receipt = intake.settled ? await settled(result, waitMs, { signal, settled: intake.settled }) : null;
  return receipt ? jsonAnswer(200, { ...counted(result), ...receipt }) : queued(result);
}

interface TakeOptions {
  readonly strict: boolean;
  /** 0: no wait. */
  readonly waitMs: number;
}

const PLAIN: TakeOptions = { strict: false, waitMs: 0 };

function optionsOf(request: RouteRequest): TakeOptions {
  if (!request.hasQuery) return PLAIN;
  const given = readOnce(request.query, PARAMETERS);
  const strict = given.get('strict') ?? 'false';
  if (strict !== 'true' && strict !== 'false') throw invalid('strict', 'must be true or false');
  return { strict: strict === 'true', waitMs: readWaitMs(given) };
}

/**
 * The receipt once nothing of it is queued, or null when the time is over. Nothing is lost by that, nor while analytics
 * is away: the events are safe, and the caller is only told to ask later.
 */
async function settled({ transactionId }: IntakeResult, waitMs: number, wait: Waiting): Promise<Receipt | null> {
  const { signal } = wait;
  const deadline = systemClock.monotonic() + waitMs;
  for (;;) {
    const ms = Math.ceil(Math.min(deadline - systemClock.monotonic(), WAIT_PART_MS));
    if (ms <= 0 || signal.aborted) return null;
    // A hung process takes longer to notice than the caller may want to wait.
    const limit = AbortSignal.any([signal, AbortSignal.timeout(ms + GRACE_MS)]);
    try {
      const receipt = await wait.settled(transactionId, { ms, signal: limit });
      if (receipt) return receipt;
    } catch (error) {
      if (!isAzudError(error, 'unavailable') && !limit.aborted) throw error;
      await systemClock.sleep(Math.min(ms, RETRY_MS), signal);
    }
  }
}

interface Waiting {
  /** Nobody waits any more, or nobody may. */
  readonly signal: AbortSignal;
  readonly settled: NonNullable<IntakeRoom['settled']>;
}

/** The hot answer, built by hand: nothing in it needs escaping. */
function accepted(result: IntakeResult): Answer {
  const { transactionId, dataset, accepted: taken, rejected, errors } = result;
  if (rejected > 0 || errors.length > 0 || dataset === null) return jsonAnswer(202, counted(result));
  return {
    status: 202,
    headers: ACCEPTED_HEADERS,
    body: `{"transaction_id":"${transactionId}","dataset":"${dataset}","accepted":${taken},"rejected":0,"errors":[]}`,
  };
}

const ACCEPTED_HEADERS = Object.freeze({ 'content-type': JSON_TYPE });

function queued(result: IntakeResult): Answer {
  return jsonAnswer(202, { ...counted(result), state: 'queued' });
}

function counted({ transactionId, dataset, accepted: taken, rejected, errors }: IntakeResult) {
  return { transaction_id: transactionId, dataset, accepted: taken, rejected, errors };
}

function bodyOf({ name, schema }: Dataset): RequestBodyDoc {
  const { content, ...rest } = anyBody(`Events of ${name}.`);
  return {
    ...rest,
    content: { ...content, 'application/json': { anyOf: [schema, { type: 'array', items: schema }] } },
  };
}

function anyBody(description: string): RequestBodyDoc {
  return {
    required: true,
    description: `${description} At most ${INTAKE_LIMITS.bodyBytesMax} bytes and ${INTAKE_LIMITS.batchEventsMax} events; gzip and deflate are taken.`,
    content: {
      'application/json': {},
      'application/x-ndjson': text,
      'text/csv': text,
      'application/cloudevents+json': {},
      'application/cloudevents-batch+json': {},
    },
  };
}

/** An event with a plausible value for each required column, for the example. */
function sampleEvent({ columns, schema }: Dataset): Record<string, unknown> {
  const examples = Array.isArray(schema.examples) ? (schema.examples as Record<string, unknown>[]) : [];
  if (examples[0]) return examples[0];
  const needed = columns.filter(({ required: isRequired }) => isRequired);
  return Object.fromEntries((needed.length > 0 ? needed : columns).map(({ name, type }) => [name, SAMPLES[type]]));
}

const SAMPLES: Readonly<Record<Dataset['columns'][number]['type'], unknown>> = {
  string: 'text',
  integer: 1,
  number: 1.5,
  decimal: '1.50',
  boolean: true,
  timestamp: '2026-01-31T12:00:00Z',
  date: '2026-01-31',
  uuid: '018f2f6e-9a51-7cc0-8e6b-0123456789ab',
  json: {},
};

function shellQuoted(words: string): string {
  return words.replaceAll("'", `'\\''`);
}
