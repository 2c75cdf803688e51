import type { Results } from '../cache/results.ts';
import { AzudError, isAzudError } from '../error/azud-error.ts';
import { didYouMean } from '../lib/nearest.ts';
import { QUERY_LIMITS } from '../limits.ts';
import type { ReadLimits, RowStream, SqlQuery } from '../store/driver.ts';
import type { Endpoint } from './endpoint.ts';
import { type FormatOptions, formatRow, formatRows } from './format/body.ts';
import { FORM_PARAMETERS, MEDIA_TYPES } from './format/negotiation.ts';
import { invalidParameter, readOnce, type SearchParams } from './parameters.ts';
import { datasetsIn } from './sql-names.ts';
import { primed } from './stream.ts';

export interface EndpointsOptions {
  readonly endpoints: ReadonlyMap<string, Endpoint>;
  readonly store: { sql(query: SqlQuery, limits: ReadLimits): Promise<RowStream> };
  /** What is kept is dropped when one of the datasets that an endpoint reads changes. */
  readonly results: Pick<Results, 'get'>;
  /** Names of all. */
  readonly datasets: readonly string[];
}

export interface EndpointCall {
  readonly name: string;
  readonly params: SearchParams;
  readonly form: FormatOptions;
  readonly signal: AbortSignal;
}

export interface EndpointAnswer {
  readonly contentType: string;
  /** Whole when it went through the cache, else a stream. */
  readonly body: Buffer | AsyncIterable<Buffer>;
  /** Seconds for `Cache-Control: max-age`; null when the endpoint is not cached. */
  readonly maxAgeSeconds: number | null;
}

/** A call whose parameters are checked. */
interface BoundCall {
  readonly endpoint: Endpoint;
  readonly query: SqlQuery;
  readonly form: FormatOptions;
}

/** Answers `GET /v1/endpoints/{name}` and every path an endpoint is given. */
export class Endpoints {
  readonly #options: EndpointsOptions;
  /** Of each endpoint that is cached, the datasets that it reads. */
  readonly #reads = new Map<string, readonly string[]>();

  constructor(options: EndpointsOptions) {
    this.#options = options;
    for (const { name, sql, cacheMs } of options.endpoints.values()) {
      if (cacheMs > 0) this.#reads.set(name, datasetsIn(sql, options.datasets));
    }
  }

  /** The datasets whose changes concern what is kept. */
  get watched(): ReadonlySet<string> {
    return new Set([...this.#reads.values()].flat());
  }

  /**
   * @throws AzudError `endpoint-not-found`, `invalid-parameter` naming the parameter, `row-not-found` (shape `row`),
   *   `sql-failed`, `query-timeout`, `query-memory`
   */
  async call({ name, params, form, signal }: EndpointCall): Promise<EndpointAnswer> {
    const endpoint = this.#endpoint(name);
    const bound: BoundCall = { endpoint, query: { text: endpoint.sql, params: bind(endpoint, params) }, form };
    const contentType = MEDIA_TYPES[form.format];
    if (endpoint.cacheMs === 0) {
      const body = await this.#run(bound, signal);
      return { contentType, body, maxAgeSeconds: null };
    }
    const made = await this.#options.results.get({
      key: cacheKey(bound),
      datasets: this.#reads.get(name) ?? this.#options.datasets,
      ttlMs: endpoint.cacheMs,
      // Others may be waiting for this result: the one who asked first going away must not end it for them.
      make: () => this.#run(bound, AbortSignal.timeout(endpoint.timeoutMs)),
    });
    const maxAgeSeconds = Math.floor(endpoint.cacheMs / 1000);
    return { contentType, body: 'chunks' in made ? made.chunks : made.bytes, maxAgeSeconds };
  }

  /** @throws as `endpointFaults` */
  faults(signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    return endpointFaults(this.#options, signal);
  }

  async #run({ endpoint, query, form }: BoundCall, signal: AbortSignal): Promise<AsyncIterable<Buffer>> {
    const single = endpoint.shape === 'row';
    const limits = { timeoutMs: endpoint.timeoutMs, signal };
    const stream = await this.#options.store.sql(query, limits);
    if (!single) return formatRows(await primed(stream), form).chunks;
    const row = await firstRow(stream);
    if (row === undefined) throw new AzudError('row-not-found', `${endpoint.name} has no row for these parameters`);
    return formatRow({ columns: stream.columns, row }, form).chunks;
  }

  #endpoint(name: string): Endpoint {
    const endpoint = this.#options.endpoints.get(name);
    if (endpoint) return endpoint;
    const shown = name.slice(0, 63);
    throw new AzudError(
      'endpoint-not-found',
      `no endpoint ${shown}${didYouMean(shown, this.#options.endpoints.keys())}`,
    );
  }
}

/**
 * The parameters of the query, typed. The SQL text is the same for every value.
 * @throws AzudError `invalid-parameter`
 */
export function bind(endpoint: Endpoint, params: SearchParams): SqlQuery['params'] {
  const own = [...params].filter(([name]) => !FORM_PARAMETERS.has(name));
  const given = readOnce(own, new Set(endpoint.params.keys()));
  const bound = [...endpoint.params].map(([name, { type, required, fallback, parse }]) => {
    const text = given.get(name);
    if (text === undefined) {
      if (required) throw invalidParameter(name, 'is missing');
      return [name, { type, value: fallback }] as const;
    }
    const parsed = parse(text);
    if ('expected' in parsed) throw invalidParameter(name, `must be ${parsed.expected}`);
    return [name, { type, value: parsed.value }] as const;
  });
  return Object.fromEntries(bound);
}

/** One key a result: the values bound, not the way they were spelled. */
function cacheKey({ endpoint, query, form: { format, raw } }: BoundCall): string {
  const values = Object.entries(query.params).map(([name, { value }]) => [name, String(value), value === null]);
  return `${endpoint.name}:${JSON.stringify([endpoint.sql, format, raw, values])}`;
}

async function firstRow(stream: RowStream) {
  for await (const [row] of stream.chunks) if (row) return row;
  return undefined;
}

/**
 * Why an endpoint cannot work, by its name: the store tries each without reading a row, with its defaults and nulls.
 * @throws AzudError what is not about the query
 */
export async function endpointFaults(
  { endpoints, store }: Pick<EndpointsOptions, 'endpoints' | 'store'>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const faults = new Map<string, string>();
  for (const { name, sql, params } of endpoints.values()) {
    const defaults = [...params].map(([param, { type, fallback }]) => [param, { type, value: fallback }] as const);
    const text = `SELECT * FROM (\n${sql.replace(/[;\s]+$/, '')}\n) AS tried LIMIT 0`;
    try {
      const limits = { timeoutMs: QUERY_LIMITS.trialTimeoutMs, signal, trial: true };
      await firstRow(await store.sql({ text, params: Object.fromEntries(defaults) }, limits));
    } catch (error) {
      // The engine works constants out before it reads a row: what they are is its business, and that of the limit.
      if (isAzudError(error, 'query-timeout') || isAzudError(error, 'query-memory')) continue;
      if (!isAzudError(error, 'sql-failed')) throw error;
      faults.set(name, error.message);
    }
  }
  return faults;
}
