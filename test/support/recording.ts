import type { Answer, Client } from './client.ts';

/** What a caller sees of an answer, without what is another each time. */
export interface Recorded {
  readonly status: number;
  readonly type: string | null;
  readonly body: unknown;
}

/** Of a moment, or of what a table takes on a disk: never the same twice. */
const PASSING = new Set(['received_at', '_received_at', 'first', 'last', 'bytes', 'request_id', 'time', 'at']);
const UUID = /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g;

/** A client whose answers are kept in a form that two systems can be compared by: each id by the order in which it came. */
export class Recording {
  readonly client: Client;
  readonly answers: Recorded[] = [];
  readonly #ids = new Map<string, string>();

  constructor(client: Client) {
    this.client = client;
  }

  async get(path: string, headers?: Record<string, string>): Promise<Answer> {
    return this.#keep(await this.client.get(path, headers));
  }

  async post(path: string, body: unknown, headers?: Record<string, string>): Promise<Answer> {
    return this.#keep(await this.client.post(path, body, headers));
  }

  #keep(answer: Answer): Answer {
    const type = answer.headers.get('content-type');
    this.answers.push({ status: answer.status, type, body: this.#plain(bodyOf(answer, type ?? '')) });
    return answer;
  }

  #plain(value: unknown): unknown {
    if (typeof value === 'string') return value.replaceAll(UUID, (id) => this.#placeOf(id));
    if (Array.isArray(value)) return value.map((each) => this.#plain(each));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, this.#member(key, each)]));
  }

  #member(key: string, value: unknown): unknown {
    if (PASSING.has(key) && value !== null) return typeof value;
    // A cursor is there or not; what stands in it is the server's affair.
    if (key === 'next' && value !== null) return 'a cursor';
    return this.#plain(value);
  }

  #placeOf(id: string): string {
    const place = this.#ids.get(id) ?? `id ${this.#ids.size + 1}`;
    this.#ids.set(id, place);
    return place;
  }
}

function bodyOf({ text }: Answer, type: string): unknown {
  if (type.startsWith('application/x-ndjson')) {
    return text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
  }
  if (/json\b/.test(type)) return JSON.parse(text);
  // Of Parquet its first bytes say enough.
  return type.startsWith('text/') ? text : text.slice(0, 4);
}
