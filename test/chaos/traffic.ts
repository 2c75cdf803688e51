import { pause } from '../support/moments.ts';
import { seeded } from '../support/simulated-disk.ts';
import { Requests, type Sending } from './requests.ts';
import { Witness } from './witness.ts';

export interface TrafficOptions {
  readonly url: string;
  readonly turn: number;
  readonly seed: number;
  readonly senders: number;
}

const BREATH_MS = 8;
const RETRY_MS = 40;
const REQUEST_TIMEOUT_MS = 60_000;
/** Of what is repeatable and was acknowledged, so much is sent once more. */
const REPEATED_SHARE = 0.2;
/** Codes that say: nothing of it is kept. */
const NOTHING_KEPT = new Set(['overloaded', 'draining', 'rate-limited', 'storage-full']);

interface Answered {
  readonly status: number;
  readonly json: { accepted?: number; rejected?: number; transaction_id?: string; code?: string };
}

/** The load of one cycle: senders that each wait for their answer, and send again what is recognised until it is answered. */
export class Traffic {
  readonly witness = new Witness();
  readonly #options: TrafficOptions;
  readonly #waiters: { since: number; resolve: (at: number) => void }[] = [];
  #running = true;
  #abandoned = false;
  /** While true, an answer that is not 2xx or 422 is a complaint. */
  #steady = false;
  #answered = 0;
  #senders: Promise<unknown> = Promise.resolve();

  constructor(options: TrafficOptions) {
    this.#options = options;
  }

  /** Requests answered 2xx so far. */
  get answered(): number {
    return this.#answered;
  }

  start(): void {
    this.#senders = Promise.all(Array.from({ length: this.#options.senders }, (_, sender) => this.#run(sender)));
  }

  /** From now on intake must answer as if nothing happened. */
  expectSteady(): void {
    this.#steady = true;
  }

  /** When a request that was sent at `since` (monotonic, ms) or later got its 2xx. */
  firstTaken(since: number): Promise<number> {
    return new Promise((resolve) => this.#waiters.push({ since, resolve }));
  }

  /** Sends nothing new; resolves when what is under way is answered, or known to stay without answer. */
  async stop(): Promise<void> {
    this.#running = false;
    await this.#senders;
  }

  /** Also leaves unanswered what is under way: there may be nobody left to answer it. */
  async abandon(): Promise<void> {
    this.#abandoned = true;
    await this.stop();
  }

  async #run(sender: number): Promise<void> {
    const { seed, turn } = this.#options;
    const random = seeded(seed + turn * 1_000 + sender);
    const requests = new Requests({ random, turn, sender });
    while (this.#running) {
      const sending = requests.next();
      const done = await this.#send(sending);
      if (done && sending.repeatable && random() < REPEATED_SHARE) await this.#send(sending);
      await pause(random() * BREATH_MS);
    }
  }

  /** True when it was acknowledged. */
  async #send(sending: Sending): Promise<boolean> {
    while (!this.#abandoned) {
      const begun = performance.now();
      const answer = await this.#post(sending);
      if (answer !== null && answer.status < 300) return this.#taken(sending, answer, begun);
      if (answer?.status === 422 && sending.good.length === 0) return this.#refused(sending);
      this.#judge(sending, answer);
      if (!sending.repeatable) return this.#lostTouch(sending, answer);
      await pause(RETRY_MS);
    }
    return false;
  }

  async #post({ path, headers, body }: Sending): Promise<Answered | null> {
    try {
      const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
      const response = await fetch(this.#options.url + path, { method: 'POST', headers, body, signal });
      return { status: response.status, json: (await response.json()) as Answered['json'] };
    } catch {
      // Refused, reset, or cut in the middle of the answer: for the sender all the same.
      return null;
    }
  }

  #taken(sending: Sending, { status, json }: Answered, begun: number): true {
    const { dataset, good, bad, kind } = sending;
    this.#answered += 1;
    if (json.accepted !== good.length || json.rejected !== bad.length) {
      this.witness.complain(
        `${kind}: ${good.length} fit, ${bad.length} do not, answered ${status} ${JSON.stringify(json)}`,
      );
    }
    if (bad.length > 0) this.witness.letters.set(json.transaction_id ?? '', bad.length);
    if (sending.visits === undefined) this.witness.claim(dataset, good, 'acknowledged');
    else this.#visited(sending, 'acknowledged');
    const now = performance.now();
    for (const waiter of this.#waiters) if (begun >= waiter.since) waiter.resolve(now);
    return true;
  }

  #refused({ bad }: Sending): false {
    this.witness.claim('orders', bad, 'refused');
    return false;
  }

  #lostTouch(sending: Sending, answer: Answered | null): false {
    const { dataset, good, bad } = sending;
    const kept = !NOTHING_KEPT.has(answer?.json.code ?? '');
    if (sending.visits !== undefined) this.#visited(sending, 'unanswered');
    else this.witness.claim(dataset, good, kept ? 'unanswered' : 'refused');
    // A single event that does not fit is nobody's dead letter.
    if (kept && good.length > 0) this.witness.unansweredLetters += bad.length;
    return false;
  }

  #visited({ good: [mark = ''], visits = 0 }: Sending, claim: 'acknowledged' | 'unanswered'): void {
    const { acknowledged } = this.witness.visits.get(mark) ?? { acknowledged: 0 };
    this.witness.visits.set(mark, { acknowledged: claim === 'acknowledged' ? visits : acknowledged, sent: visits });
  }

  #judge({ kind }: Sending, answer: Answered | null): void {
    const expected = answer === null || answer.status === 503 || answer.status === 507 || answer.status === 429;
    if (expected && !this.#steady) return;
    const words = answer === null ? 'no answer' : `${answer.status} ${JSON.stringify(answer.json)}`;
    this.witness.complain(`${kind}: ${words}`);
  }
}
