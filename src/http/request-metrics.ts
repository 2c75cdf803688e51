import type { ErrorCode } from '../error/catalogue.ts';
import type { HistogramSeries, Metrics, Series } from '../telemetry/metrics.ts';

/** Times the answers of one route; a series a status, bound when the status first occurs. */
export class RouteTimer {
  readonly #metrics: Metrics;
  readonly #method: string;
  readonly #route: string;
  readonly #byStatus = new Map<number, HistogramSeries>();

  constructor(metrics: Metrics, method: string, route: string) {
    this.#metrics = metrics;
    this.#method = method;
    this.#route = route;
  }

  observe(status: number, elapsedMs: number): void {
    let series = this.#byStatus.get(status);
    if (!series) {
      series = this.#metrics.histogram('http_server_request_duration_seconds', {
        http_request_method: this.#method,
        http_route: this.#route,
        http_response_status_code: String(status),
      });
      this.#byStatus.set(status, series);
    }
    series.observe(elapsedMs / 1_000);
  }
}

/** Counts refusals by the code of the problem. */
export class RejectionCounter {
  readonly #metrics: Metrics;
  readonly #byCode = new Map<ErrorCode, Series>();

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  count(code: ErrorCode): void {
    let series = this.#byCode.get(code);
    if (!series) {
      series = this.#metrics.counter('azud_requests_rejected_total', { reason: code });
      this.#byCode.set(code, series);
    }
    series.inc();
  }
}
