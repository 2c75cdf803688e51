/**
 * The one metric catalogue: instruments, /metrics and `docs/reference/metrics.md` are made from it.
 * Names and units follow OpenTelemetry's semantic conventions where they have one, in Prometheus spelling.
 */

export interface MetricEntry {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly labels: readonly string[];
  readonly unit: string;
  readonly help: string;
  /** Histogram boundaries in the metric's unit. */
  readonly buckets?: readonly number[];
  /** How the values of several processes become one; `sum` is the default. */
  readonly merge?: 'sum' | 'max' | 'first';
}

/** A superset of OpenTelemetry's, so that coarsening loses nothing; 0.2 and 0.4 are SLO thresholds. */
const HTTP_BUCKETS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
] as const;
const STORE_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 5, 10] as const;
const PIPELINE_BUCKETS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900] as const;

/** The type and the labels stay literal, so that `Metrics` knows each instrument by its name. */
const counter = <const Labels extends readonly string[]>(unit: string, help: string, labels: Labels) => ({
  type: 'counter' as const,
  labels,
  unit,
  help,
});
const gauge = <const Labels extends readonly string[]>(
  unit: string,
  help: string,
  labels: Labels,
  merge: 'sum' | 'max' | 'first' = 'max',
) => ({ type: 'gauge' as const, labels, unit, help, merge });
const histogram = <const Labels extends readonly string[]>(
  unit: string,
  help: string,
  labels: Labels,
  buckets: readonly number[],
) => ({ type: 'histogram' as const, labels, unit, help, buckets });

export const METRICS = {
  http_server_request_duration_seconds: histogram(
    's',
    'Time from the whole request line to the end of the answer',
    ['http_request_method', 'http_route', 'http_response_status_code'],
    HTTP_BUCKETS,
  ),
  http_server_active_requests: gauge('1', 'Requests in flight', [], 'sum'),
  azud_requests_rejected_total: counter('1', 'Requests refused, by the code of the problem', ['reason']),
  azud_accepted_total: counter('1', 'Events accepted: answered 2xx and safe', ['dataset']),
  azud_stored_total: counter('1', 'Events written to the store', ['dataset']),
  azud_duplicate_total: counter('1', 'Events that were stored before', ['dataset']),
  azud_dead_letter_messages_total: counter('1', 'Events that became dead letters', ['dataset', 'reason']),
  azud_queue_lag_messages: gauge('1', 'Messages in the broker that are not in the store', ['queue']),
  azud_queue_lag_bytes: gauge('By', 'Payload bytes in the broker that are not in the store', ['queue']),
  azud_queue_oldest_message_age_seconds: gauge('s', 'Age of the oldest message that is not in the store', ['queue']),
  azud_log_end_offset: gauge('1', 'Last durable position of the embedded log', ['queue']),
  azud_store_offset: gauge('1', 'Position that the store has reached', ['queue']),
  messaging_client_operation_duration_seconds: histogram(
    's',
    'Time of one broker call; publish includes the wait for durability',
    ['messaging_operation_name', 'messaging_system'],
    STORE_BUCKETS,
  ),
  db_client_operation_duration_seconds: histogram(
    's',
    'Time of one store call',
    ['db_operation_name', 'db_system_name', 'error_type'],
    STORE_BUCKETS,
  ),
  db_client_connection_count: gauge(
    '1',
    'Connections to the store that are used or idle',
    ['pool', 'db_client_connection_state'],
    'sum',
  ),
  db_client_connection_max: gauge('1', 'Connections to the store that a pool may open', ['pool'], 'sum'),
  db_client_connection_pending_requests: gauge('1', 'Calls that wait for a free connection', ['pool'], 'sum'),
  db_client_connection_timeouts_total: counter('1', 'Calls that gave up waiting for a connection', ['pool']),
  azud_cache_lookups_total: counter(
    '1',
    'Cached endpoints asked: hit, miss, or shared with a query that was under way',
    ['kind', 'result'],
  ),
  azud_cache_errors_total: counter('1', 'Calls of the cache that failed; answers are made without it', [
    'kind',
    'operation',
  ]),
  azud_attempts_total: counter('1', 'Tries of an operation', ['stage', 'attempt']),
  azud_end_to_end_duration_seconds: histogram(
    's',
    'Accepted to queryable, of the oldest event of a unit',
    [],
    PIPELINE_BUCKETS,
  ),
  azud_instance_healthy: gauge('1', 'Each readiness check: 1 passes, 0 fails', ['role', 'check'], 'first'),
  azud_build_info: gauge('1', 'Always 1', ['version'], 'first'),
  process_cpu_seconds_total: counter('s', 'CPU time used', ['role']),
  process_resident_memory_bytes: gauge('By', 'Resident memory', ['role'], 'first'),
  nodejs_eventloop_delay_p99_seconds: gauge(
    's',
    'Event loop delay, 99th percentile since the last scrape',
    ['role'],
    'first',
  ),
  nodejs_eventloop_utilization_ratio: gauge(
    '1',
    'Share of time the event loop was busy since the last scrape',
    ['role'],
    'first',
  ),
} as const satisfies Record<string, MetricEntry>;

export type MetricName = keyof typeof METRICS;
