import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AggregatorRegistry, type Metric, Histogram as PromHistogram, Registry } from 'prom-client';
import { Histogram } from './histogram.ts';

const OPTIONS = { name: 'a_seconds', help: 'how long', buckets: [0.005, 0.1, 1, 10], aggregator: 'sum' } as const;
const VALUES = [0, 0.005, 0.0051, 0.1, 0.5, 1, 9.99, 10, 10.01, 1_000];

/** The same observations in prom-client's own histogram and in ours. */
function both(): readonly [Registry, Registry] {
  const [theirs, ours] = [new Registry(), new Registry()];
  const prom = new PromHistogram({
    ...OPTIONS,
    buckets: [...OPTIONS.buckets],
    labelNames: ['b', 'a'],
    registers: [theirs],
  });
  const own = new Histogram(OPTIONS);
  ours.registerMetric(own as unknown as Metric);
  for (const labels of [
    { b: 'x', a: 'one "two"' },
    { b: 'y', a: '' },
  ]) {
    for (const value of VALUES) {
      prom.labels(labels).observe(value);
      own.labels({ ...labels }).observe(value);
    }
  }
  return [theirs, ours];
}

/** Lines in any order, and the labels of each. */
function lines(text: string): readonly string[] {
  const sorted = (_: string, labels: string) =>
    `{${labels
      .split(/,(?=\w+=)/)
      .sort()
      .join()}}`;
  return text
    .split('\n')
    .map((line) => line.replace(/\{(.*)\}/, sorted))
    .sort();
}

test("says to a scraper what prom-client's own histogram says", async () => {
  const [theirs, ours] = both();
  assert.deepEqual(lines(await ours.metrics()), lines(await theirs.metrics()));
});

test('is merged over processes as theirs is', async () => {
  const texts = both().map(async (registry) => {
    const snapshot = await registry.getMetricsAsJSON();
    return lines(await AggregatorRegistry.aggregate([snapshot, structuredClone(snapshot)]).metrics());
  });
  const [theirs, ours] = await Promise.all(texts);
  assert.deepEqual(ours, theirs);
});

test('one series for the same labels, however they are ordered', () => {
  const histogram = new Histogram(OPTIONS);
  assert.equal(histogram.labels({ a: '1', b: '2' }), histogram.labels({ b: '2', a: '1' }));
});
