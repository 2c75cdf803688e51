import { AggregatorRegistry, Counter, Gauge, type Metric, Registry } from 'prom-client';
import { METRICS, type MetricEntry, type MetricName } from './catalogue.ts';
import { Histogram } from './histogram.ts';

type NamesOf<Type extends MetricEntry['type']> = {
  [Name in MetricName]: (typeof METRICS)[Name]['type'] extends Type ? Name : never;
}[MetricName];
type LabelsOf<Name extends MetricName> = Record<(typeof METRICS)[Name]['labels'][number], string>;

/** One time series: bind its labels once, outside the hot path. */
export interface Series {
  /** Counters and gauges: adds, 1 by default. */
  inc(by?: number): void;
}
export interface GaugeSeries extends Series {
  set(value: number): void;
}
export interface HistogramSeries {
  /** In the metric's unit. */
  observe(value: number): void;
}

/** The instruments of one process, made from the catalogue. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #instruments = new Map<MetricName, Counter | Gauge | Histogram>();

  constructor() {
    for (const [name, entry] of Object.entries(METRICS) as [MetricName, MetricEntry][]) {
      this.#instruments.set(name, this.#create(name, entry));
    }
  }

  counter<Name extends NamesOf<'counter'>>(name: Name, labels: LabelsOf<Name>): Series {
    return (this.#instruments.get(name) as Counter).labels(labels);
  }

  gauge<Name extends NamesOf<'gauge'>>(name: Name, labels: LabelsOf<Name>): GaugeSeries {
    return (this.#instruments.get(name) as Gauge).labels(labels);
  }

  histogram<Name extends NamesOf<'histogram'>>(name: Name, labels: LabelsOf<Name>): HistogramSeries {
    return (this.#instruments.get(name) as Histogram).labels(labels);
  }

  /** Prometheus text format. */
  expose(): Promise<string> {
    return this.#registry.metrics();
  }

  /** The same as data, for another process to merge. */
  snapshot(): Promise<object[]> {
    return this.#registry.getMetricsAsJSON();
  }

  #create(name: MetricName, { type, labels, help, unit, buckets, merge }: MetricEntry): Counter | Gauge | Histogram {
    const common = {
      name,
      help: `${help} (${unit})`,
      labelNames: [...labels],
      registers: [this.#registry],
      aggregator: merge ?? ('sum' as const),
    };
    if (type === 'counter') return new Counter(common);
    if (type === 'gauge') return new Gauge(common);
    const histogram = new Histogram({ ...common, buckets: buckets ?? [] });
    this.#registry.registerMetric(histogram as unknown as Metric);
    return histogram;
  }
}

/** Several processes' snapshots as one Prometheus text. */
export function exposeMerged(snapshots: readonly object[][]): Promise<string> {
  return AggregatorRegistry.aggregate([...snapshots]).metrics();
}
