import assert from 'node:assert/strict';
import fc from 'fast-check';
import { CATALOGUE } from '../../src/error/catalogue.ts';
import { type Client, clientOf } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { ORDERS_CONFIG } from '../support/orders.ts';
import { type System, startSystem } from '../support/system.ts';
import { Wire, type WireAnswer } from '../support/wire.ts';
import { operationsOf } from './document.ts';
import { type OddRequest, oddRequests } from './requests.ts';

export interface FuzzPlan {
  readonly requests: number;
  readonly seed: number;
  /** Sends this one alone, by its number. */
  readonly only?: number;
  readonly say: (line: string) => void;
}

export interface FuzzReport {
  readonly byStatus: ReadonlyMap<number, number>;
  /** What must not be, each with the number of its request. */
  readonly findings: readonly string[];
}

/** Of one seed; a failure is found again by the run's seed and the request's number. */
const BLOCK = 500;
const CONNECTIONS = 6;
/** States that are documented and pass: the store is away or restarting, the disk is full, a query is too heavy. */
const PASSING: ReadonlySet<number> = new Set([501, 503, 504, 507]);

/**
 * Sends odd requests to a running Azud. None may be answered with a 5xx that is not documented, or with what is no
 * problem document, or not at all; in between good requests must pass, and at the end every event must be accounted for.
 */
export async function runFuzz(plan: FuzzPlan): Promise<FuzzReport> {
  const azud = await startSystem({ config: { ...ORDERS_CONFIG, log: { level: 'error' } } });
  try {
    return await new Fuzz(azud, plan).run();
  } finally {
    await azud.stop();
  }
}

class Fuzz {
  readonly #azud: System;
  readonly #client: Client;
  readonly #plan: FuzzPlan;
  readonly #byStatus = new Map<number, number>();
  readonly #findings: string[] = [];
  #rows = 0;

  constructor(azud: System, plan: FuzzPlan) {
    this.#azud = azud;
    this.#client = clientOf(azud.url);
    this.#plan = plan;
  }

  async run(): Promise<FuzzReport> {
    const { requests, seed, only, say } = this.#plan;
    const arbitrary = await this.#arbitrary();
    const wires = Array.from({ length: CONNECTIONS }, () => new Wire(Number(new URL(this.#azud.url).port)));
    for (let first = 0; first < requests; first += BLOCK) {
      const block = fc.sample(arbitrary, { seed: seed + first, numRuns: Math.min(BLOCK, requests - first) });
      const numbered = block.map((request, at) => ({ request, number: first + at }));
      const chosen = only === undefined ? numbered : numbered.filter(({ number }) => number === only);
      await Promise.all(wires.map((wire) => this.#send(wire, chosen)));
      await this.#goodRequest();
      if ((first + BLOCK) % 10_000 === 0) say(`${first + BLOCK} requests, ${this.#findings.length} findings`);
    }
    for (const wire of wires) wire.cut();
    await this.#settled();
    return { byStatus: this.#byStatus, findings: this.#findings };
  }

  /** From the document of the server itself, and a cursor that it gave. */
  async #arbitrary(): Promise<fc.Arbitrary<OddRequest>> {
    const document = (await this.#client.get('/openapi.json')).json;
    const events = Array.from({ length: 20 }, (_, n) => ({ n, customer: `c${n}` }));
    assert.equal((await this.#client.post('/v1/events/orders?wait=stored', events)).status, 200);
    const page = await this.#client.get('/v1/datasets/orders/rows?limit=1');
    return oddRequests(operationsOf(document), page.json.next);
  }

  async #send(wire: Wire, queue: { request: OddRequest; number: number }[]): Promise<void> {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const { request, number } = next;
      const found = (what: string) => void this.#findings.push(`#${number} ${what}: ${request.what}`);
      try {
        if (request.whole) this.#judge(await wire.ask(request.bytes, request.head), request, found);
        else this.#judgeShout(await wire.shout(request.bytes), found);
      } catch (error) {
        found(String(error));
        wire.cut();
      }
    }
  }

  #judge(answer: WireAnswer | null, request: OddRequest, found: (what: string) => void): void {
    if (!answer) {
      found('closed without an answer');
      return;
    }
    const { status } = answer;
    this.#byStatus.set(status, (this.#byStatus.get(status) ?? 0) + 1);
    if (status >= 500 && !PASSING.has(status)) found(`${status} ${answer.body.toString().slice(0, 500)}`);
    if ([429, 503, 507].includes(status) && !answer.headers.has('retry-after')) found(`${status} without Retry-After`);
    if (request.head || answer.body.length === 0) return;
    const type = answer.headers.get('content-type') ?? '';
    if (status >= 400) this.#judgeProblem(answer, type, found);
    else if (type.startsWith('application/json')) parsed(answer.body, found);
  }

  #judgeProblem({ status, body }: WireAnswer, type: string, found: (what: string) => void): void {
    if (type !== 'application/problem+json') {
      found(`${status} as ${type}`);
      return;
    }
    const problem = parsed(body, found) as { code?: string; status?: number; detail?: string } | undefined;
    const entry = CATALOGUE[(problem?.code ?? '') as keyof typeof CATALOGUE];
    if (entry?.status !== status || problem?.status !== status) found(`${status} with code ${problem?.code}`);
    if (/\bat \S+:\d+:\d+|node_modules/.test(problem?.detail ?? '')) found(`a stack trace: ${problem?.detail}`);
  }

  #judgeShout(said: string, found: (what: string) => void): void {
    for (const [, status] of said.matchAll(/^HTTP\/1\.1 (\d{3}) /gm)) {
      if (Number(status) >= 500 && !PASSING.has(Number(status))) found(`${status} to broken bytes`);
    }
  }

  async #goodRequest(): Promise<void> {
    this.#rows += 1;
    const answer = await this.#client.post('/v1/events/customers', { id: `good-${this.#rows}`, visits: this.#rows });
    if (answer.status !== 202) this.#findings.push(`a good request was answered ${answer.status} ${answer.text}`);
    const { json } = await this.#client.get('/v1/conservation');
    if (json.balanced !== true) this.#findings.push(`not balanced: ${JSON.stringify(json)}`);
  }

  /** Nothing in flight, all sums balanced, the good ones all there, and nobody died on the way. */
  async #settled(): Promise<void> {
    await eventually(
      async () => {
        const { json } = await this.#client.get('/v1/conservation');
        assert.equal(json.balanced, true);
        for (const { in_flight } of json.datasets) assert.equal(in_flight, 0);
      },
      { timeoutMs: 60_000 },
    );
    const last = await this.#client.get(`/v1/datasets/customers/rows/good-${this.#rows}`);
    if (last.status !== 200) this.#findings.push(`the last good event is not there: ${last.text}`);
    for (const line of this.#azud.logs.split('\n')) {
      if (/a process died|a request failed|unhandled|uncaught/.test(line)) this.#findings.push(`log: ${line}`);
    }
  }
}

function parsed(body: Buffer, found: (what: string) => void): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    found(`not JSON: ${body.toString().slice(0, 200)}`);
    return undefined;
  }
}
