import { type EventLoopUtilization, monitorEventLoopDelay, performance } from 'node:perf_hooks';
import type { Metrics } from './metrics.ts';

const NANOSECONDS_PER_SECOND = 1e9;
const MICROSECONDS_PER_SECOND = 1e6;

/** Figures of the process itself, read when somebody looks: between scrapes they cost nothing but the delay's timer. */
export class ProcessMetrics {
  readonly #delay = monitorEventLoopDelay({ resolution: 10 });
  readonly #metrics: Metrics;
  readonly #role: string;
  #utilization: EventLoopUtilization = performance.eventLoopUtilization();
  #cpuSeconds = 0;

  constructor(metrics: Metrics, role: string) {
    this.#metrics = metrics;
    this.#role = role;
    this.#delay.enable();
  }

  /** Brings the instruments up to now. */
  collect(): void {
    const labels = { role: this.#role };
    const { user, system } = process.cpuUsage();
    const cpuSeconds = (user + system) / MICROSECONDS_PER_SECOND;
    this.#metrics.counter('process_cpu_seconds_total', labels).inc(cpuSeconds - this.#cpuSeconds);
    this.#cpuSeconds = cpuSeconds;
    this.#metrics.gauge('process_resident_memory_bytes', labels).set(process.memoryUsage.rss());
    const p99 = this.#delay.count > 0 ? this.#delay.percentile(99) / NANOSECONDS_PER_SECOND : 0;
    this.#metrics.gauge('nodejs_eventloop_delay_p99_seconds', labels).set(p99);
    this.#delay.reset();
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, this.#utilization);
    this.#utilization = now;
    this.#metrics.gauge('nodejs_eventloop_utilization_ratio', labels).set(utilization);
  }

  close(): void {
    this.#delay.disable();
  }
}
