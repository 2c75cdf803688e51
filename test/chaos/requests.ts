import { gzipSync } from 'node:zlib';

/** One request of the mix, and what may be said of its events afterwards. */
export interface Sending {
  readonly kind: string;
  readonly dataset: 'orders' | 'parcels' | 'customers';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array<ArrayBuffer>;
  /** Marks of the events that fit. */
  readonly good: readonly string[];
  /** Marks of the rows that do not. */
  readonly bad: readonly string[];
  /** Sent again it is recognised: by the ids of its events, or by its key. */
  readonly repeatable: boolean;
  /** Of an upserted customer. */
  readonly visits?: number;
}

export const CHAOS_DATASETS = {
  orders: { schema: schemaWith({ n: { type: 'integer' }, shape: { type: 'string' } }) },
  parcels: { event_id: '/mark', schema: schemaWith({ n: { type: 'integer' }, shape: { type: 'string' } }) },
  customers: { mode: 'upsert', key: '/mark', schema: schemaWith({ visits: { type: 'integer' } }) },
};

function schemaWith(properties: object): object {
  return {
    type: 'object',
    required: ['mark', 'turn'],
    properties: { mark: { type: 'string' }, turn: { type: 'integer' }, ...properties },
  };
}

const JSON_TYPE = { 'content-type': 'application/json' };
const NDJSON_TYPE = { 'content-type': 'application/x-ndjson' };
const BATCH_MAX = 120;

/** Makes the requests of one sender in one cycle: of every form, every mark once in the whole run. */
export class Requests {
  readonly #random: () => number;
  readonly #prefix: string;
  readonly #turn: number;
  readonly #visits = new Map<string, number>();
  #count = 0;

  constructor(options: { readonly random: () => number; readonly turn: number; readonly sender: number }) {
    this.#random = options.random;
    this.#turn = options.turn;
    this.#prefix = `${options.turn}-${options.sender}`;
  }

  next(): Sending {
    const makers = [
      () => this.#single(),
      () => this.#single(),
      () => this.#lines(),
      () => this.#lines({ gzip: true }),
      () => this.#lines({ keyed: true }),
      () => this.#lines({ keyed: true, bad: true }),
      () => this.#lines({ bad: true }),
      () => this.#csv(),
      () => this.#cloudEvent(),
      () => this.#parcels(),
      () => this.#misfit(),
      () => this.#visit(),
      () => this.#waited(),
    ];
    const make = makers[this.#below(makers.length)] ?? (() => this.#single());
    return make();
  }

  #single(): Sending {
    const mark = this.#mark();
    return {
      ...this.#orders('single', [mark]),
      headers: JSON_TYPE,
      body: JSON.stringify(this.#event(mark, 'single')),
    };
  }

  #waited(): Sending {
    return { ...this.#single(), kind: 'waited', path: '/v1/events/orders?wait=stored&timeout=500ms' };
  }

  #lines({ gzip = false, keyed = false, bad = false } = {}): Sending {
    const kind = keyed ? 'keyed' : gzip ? 'gzip' : 'lines';
    const good = this.#marks(BATCH_MAX);
    const misfits = bad ? this.#marks(3) : [];
    const rows = [
      ...good.map((mark) => this.#event(mark, kind)),
      ...misfits.map((mark) => ({ mark, turn: this.#turn, n: 'not a number' })),
    ];
    const text = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
    const key: Record<string, string> = keyed ? { 'idempotency-key': `key-${this.#mark()}` } : {};
    const encoding: Record<string, string> = gzip ? { 'content-encoding': 'gzip' } : {};
    return {
      ...this.#orders(kind, good),
      headers: { ...NDJSON_TYPE, ...key, ...encoding },
      body: gzip ? new Uint8Array(gzipSync(text)) : text,
      bad: misfits,
      repeatable: keyed,
    };
  }

  #csv(): Sending {
    const good = this.#marks(BATCH_MAX);
    const rows = good.map((mark, n) => `"${mark}",${this.#turn},${n},"a ""csv"" row"`);
    return {
      ...this.#orders('csv', good),
      headers: { 'content-type': 'text/csv' },
      body: `mark,turn,n,shape\r\n${rows.join('\r\n')}\r\n`,
    };
  }

  #cloudEvent(): Sending {
    const mark = this.#mark();
    const data = this.#event(mark, 'cloudevent');
    return {
      ...this.#orders('cloudevent', [mark]),
      path: '/v1/events',
      headers: { 'content-type': 'application/cloudevents+json' },
      body: JSON.stringify({ specversion: '1.0', id: mark, source: '/chaos', type: 'orders', data }),
      repeatable: true,
    };
  }

  #parcels(): Sending {
    const good = this.#marks(BATCH_MAX);
    return {
      ...this.#orders('ids', good),
      dataset: 'parcels',
      path: '/v1/events/parcels',
      headers: JSON_TYPE,
      body: JSON.stringify(good.map((mark) => this.#event(mark, 'ids'))),
      repeatable: true,
    };
  }

  #misfit(): Sending {
    const mark = this.#mark();
    return {
      ...this.#orders('misfit', []),
      headers: JSON_TYPE,
      body: JSON.stringify({ mark, turn: this.#turn, n: 'not a number' }),
      bad: [mark],
    };
  }

  /** Each customer belongs to one sender, so that its visits come in order. */
  #visit(): Sending {
    const mark = `${this.#prefix}-customer-${this.#below(5)}`;
    const visits = (this.#visits.get(mark) ?? 0) + 1;
    this.#visits.set(mark, visits);
    return {
      ...this.#orders('upsert', [mark]),
      dataset: 'customers',
      path: '/v1/events/customers',
      headers: JSON_TYPE,
      body: JSON.stringify({ mark, turn: this.#turn, visits }),
      visits,
    };
  }

  #orders(kind: string, good: readonly string[]): Omit<Sending, 'headers' | 'body'> {
    return { kind, dataset: 'orders', path: '/v1/events/orders', good, bad: [], repeatable: false };
  }

  #event(mark: string, shape: string): object {
    return { mark, turn: this.#turn, n: this.#below(1_000_000), shape };
  }

  #marks(most: number): string[] {
    return Array.from({ length: 1 + this.#below(most) }, () => this.#mark());
  }

  #mark(): string {
    this.#count += 1;
    return `${this.#prefix}-${this.#count}`;
  }

  #below(bound: number): number {
    return Math.floor(this.#random() * bound);
  }
}
