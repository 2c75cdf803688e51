import { type AzudError, isAzudError } from '../../src/error/azud-error.ts';
import type { IntakeRequest } from '../../src/intake/intake.ts';
import type { Clock } from '../../src/lib/clock.ts';
import type { Chance } from './chance.ts';
import type { History, Kind } from './history.ts';

/** What a client sees of the system. */
export interface Door {
  take(request: IntakeRequest): Promise<unknown>;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly history: History;
  /** False in the last boot: then every client goes on until it is through. */
  readonly patient: boolean;
  /** A request was refused. */
  refused(error: AzudError): void;
}

export interface Client {
  /** All that it wants to send was acknowledged, or given up. */
  readonly through: boolean;
  /** Sends until it is through, or has lost patience with this boot. */
  run(door: Door): Promise<void>;
}

const ATTEMPTS_MAX = 8;

interface Numbers {
  next: number;
}

/** A few clients of different habits, with all that each will send. */
export function makeClients(chance: Chance, requests: number, history: History): Client[] {
  const numbers: Numbers = { next: 1 };
  const make = [
    () => new IdClient(chance, numbers, { events: chance.between(2, requests * 3), history }),
    () => new KeyClient(chance, numbers, { requests: chance.between(1, requests), history }),
    () => new PlainClient(chance, numbers, { requests: chance.between(1, requests), history }),
  ];
  const count = chance.between(1, 4);
  return Array.from({ length: count }, () => chance.pick(make)());
}

function oneKind(chance: Chance, others: readonly Kind[]): Kind {
  return chance.happens(0.12) ? chance.pick(others) : 'good';
}

function lineOf(chance: Chance, n: number, kind: Kind): string {
  const text = chance.happens(0.05) ? 'x'.repeat(chance.below(3_000)) : 'x'.repeat(chance.below(120));
  const own = kind === 'invalid' ? `"${n}"` : String(n);
  return `{"n":${own},"kind":"${kind}","text":"${text}"}`;
}

function post(dataset: string, lines: readonly string[], key?: string): IntakeRequest {
  return {
    dataset,
    headers: { 'content-type': 'application/x-ndjson', ...(key !== undefined && { 'idempotency-key': key }) },
    body: Buffer.from(lines.join('\n')),
    strict: false,
  };
}

/** Sends; false when it was refused, or the answer was an error. */
async function sent(door: Door, request: IntakeRequest): Promise<boolean> {
  try {
    await door.take(request);
    return true;
  } catch (error) {
    if (!isAzudError(error) || error.code === 'internal') door.history.wrong(`intake answered ${error}`);
    else door.refused(error);
    return false;
  }
}

/** Waits between two requests, and longer after a refusal. */
function pause({ clock, chance }: Door, accepted: boolean): Promise<void> {
  return clock.sleep(accepted ? chance.below(30) : 100 + chance.below(400));
}

interface Wish {
  readonly n: number;
  readonly line: string;
  acked: boolean;
}

/** Its events have ids: it sends what is not acknowledged yet in ever other batches, and now and then something twice. */
class IdClient implements Client {
  readonly #wishes: Wish[];

  constructor(chance: Chance, numbers: Numbers, { events, history }: { events: number; history: History }) {
    this.#wishes = Array.from({ length: events }, () => {
      const n = numbers.next;
      numbers.next += 1;
      const kind = oneKind(chance, ['poison', 'invalid']);
      history.add({ n, kind, identified: true });
      return { n, line: lineOf(chance, n, kind), acked: false };
    });
  }

  get through(): boolean {
    return this.#wishes.every(({ acked }) => acked);
  }

  async run(door: Door): Promise<void> {
    const { chance } = door;
    for (let failures = 0; !this.through && (!door.patient || failures < ATTEMPTS_MAX); ) {
      const open = this.#wishes.filter(({ acked }) => !acked || chance.happens(0.1));
      const from = chance.below(open.length);
      const chosen = open.slice(from, from + chance.between(2, 12));
      if (chosen.length < 2) chosen.push(...this.#wishes.slice(0, 2));
      const accepted = await sent(
        door,
        post(
          'orders',
          [...new Set(chosen)].map(({ line }) => line),
        ),
      );
      if (accepted) for (const wish of chosen) wish.acked = true;
      else failures += 1;
      await pause(door, accepted);
    }
  }
}

interface KeyedRequest {
  readonly request: IntakeRequest;
  acked: boolean;
}

/** Sends each request with an Idempotency-Key until it is acknowledged, and some once more. */
class KeyClient implements Client {
  readonly #requests: KeyedRequest[];

  constructor(chance: Chance, numbers: Numbers, { requests, history }: { requests: number; history: History }) {
    this.#requests = Array.from({ length: requests }, () => {
      const undeclared = chance.happens(0.1);
      const cursed = !undeclared && chance.happens(0.08);
      const lines = Array.from({ length: chance.between(2, 8) }, () => {
        const n = numbers.next;
        numbers.next += 1;
        const kind = undeclared ? 'undeclared' : cursed ? 'cursed' : oneKind(chance, ['poison', 'invalid']);
        history.add({ n, kind, identified: true });
        return lineOf(chance, n, kind);
      });
      return { request: post(undeclared ? 'ghosts' : 'logs', lines, `key-${numbers.next}`), acked: false };
    });
  }

  get through(): boolean {
    return this.#requests.every(({ acked }) => acked);
  }

  async run(door: Door): Promise<void> {
    let failures = 0;
    for (const each of this.#requests) {
      while (!each.acked || door.chance.happens(0.1)) {
        if (door.patient && failures >= ATTEMPTS_MAX) return;
        const accepted = await sent(door, each.request);
        each.acked ||= accepted;
        if (!accepted) failures += 1;
        await pause(door, accepted);
      }
    }
  }
}

/** Sends each request once, whatever comes of it. */
class PlainClient implements Client {
  readonly #requests: IntakeRequest[];

  constructor(chance: Chance, numbers: Numbers, { requests, history }: { requests: number; history: History }) {
    this.#requests = Array.from({ length: requests }, () => {
      const lines = Array.from({ length: chance.happens(0.6) ? 1 : chance.between(2, 6) }, () => {
        const n = numbers.next;
        numbers.next += 1;
        const kind = oneKind(chance, ['poison']);
        history.add({ n, kind, identified: false });
        return lineOf(chance, n, kind);
      });
      return post('logs', lines);
    });
  }

  get through(): boolean {
    return this.#requests.length === 0;
  }

  async run(door: Door): Promise<void> {
    for (let next = this.#requests.shift(); next; next = this.#requests.shift()) {
      await pause(door, await sent(door, next));
    }
  }
}
