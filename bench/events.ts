/** The events that every benchmark sends: 11 properties, about 220 bytes, the same on every machine. */

export const EVENT_SCHEMA = {
  type: 'object',
  required: ['seq', 'placed_at', 'customer'],
  properties: {
    seq: { type: 'integer' },
    placed_at: { type: 'string', format: 'date-time' },
    customer: { type: 'string' },
    country: { type: 'string', maxLength: 2 },
    channel: { type: 'string', enum: ['web', 'app', 'shop'] },
    items: { type: 'integer', minimum: 0, maximum: 1000 },
    amount: { type: 'number' },
    paid: { type: 'boolean' },
    referrer: { type: 'string' },
    latitude: { type: 'number' },
    note: { type: ['string', 'null'] },
  },
} as const;

/** The same columns as DuckDB's own reader is told them. */
export const DUCKDB_COLUMNS =
  "{seq: 'BIGINT', placed_at: 'TIMESTAMPTZ', customer: 'VARCHAR', country: 'VARCHAR', channel: 'VARCHAR', " +
  "items: 'BIGINT', amount: 'DOUBLE', paid: 'BOOLEAN', referrer: 'VARCHAR', latitude: 'DOUBLE', note: 'VARCHAR'}";

const COUNTRIES = ['cl', 'ar', 'pe', 'mx', 'es', 'de'];
const CHANNELS = ['web', 'app', 'shop'];
const START = Date.UTC(2026, 0, 1);

/** Numbers that look random and are the same in every run. */
function scattered(seq: number, salt: number): number {
  const mixed = Math.imul(seq ^ (salt * 0x9e3779b1), 0x85ebca6b);
  return ((mixed ^ (mixed >>> 13)) >>> 0) / 2 ** 32;
}

/** One event as a line of JSON, without the newline. */
export function eventLine(seq: number): string {
  return JSON.stringify({
    seq,
    placed_at: new Date(START + seq * 250).toISOString(),
    customer: `c-${Math.floor(scattered(seq, 1) * 1e6)}`,
    country: COUNTRIES[Math.floor(scattered(seq, 2) * COUNTRIES.length)],
    channel: CHANNELS[Math.floor(scattered(seq, 3) * CHANNELS.length)],
    items: Math.floor(scattered(seq, 4) * 12),
    amount: Math.round(scattered(seq, 5) * 1e6) / 100,
    paid: scattered(seq, 6) > 0.2,
    referrer: `https://example.com/p/${Math.floor(scattered(seq, 7) * 1e4)}`,
    latitude: Math.round(scattered(seq, 8) * 1.8e7 - 9e6) / 1e5,
    note: scattered(seq, 9) > 0.5 ? null : 'leave at the door',
  });
}

/** NDJSON of `count` events from `first` on. */
export function eventLines(first: number, count: number): Buffer {
  return Buffer.from(`${Array.from({ length: count }, (_, i) => eventLine(first + i)).join('\n')}\n`);
}

/** A configuration with `count` datasets of these events: `orders`, or `orders_0` … when there are several. */
export function benchConfig(count = 1): Record<string, unknown> {
  const names = count === 1 ? ['orders'] : Array.from({ length: count }, (_, i) => `orders_${i}`);
  return {
    version: 1,
    log: { level: 'error' },
    datasets: Object.fromEntries(names.map((name) => [name, { schema: EVENT_SCHEMA, time: '/placed_at' }])),
  };
}
