import type { protos } from '@google-cloud/pubsub';
import type { Clock } from '../../lib/clock.ts';
import type { Delivery, ReceiveOptions, Subscription } from '../driver.ts';
import { notConnected } from '../errors.ts';
import { Inbox } from '../inbox.ts';
import { type Link, ONCE, ready } from './connection.ts';
import { messageOf } from './envelope.ts';
import { classified, foreign, STATUS, statusOf } from './errors.ts';
import { Leases } from './leases.ts';

export interface SubscriptionOptions {
  readonly link: Link;
  /** Full name. */
  readonly subscription: string;
  readonly prefetch: number;
  readonly prefetch_bytes: number;
  /** ms. */
  readonly ack_deadline: number;
  readonly clock: Clock;
  readonly onClose: () => void;
}

type Received = protos.google.pubsub.v1.IReceivedMessage;

/** Pulls under way at once while messages come; one when none do. */
const PULLS_MAX = 2;
/** The service gives no more in one answer. */
const PULL_MESSAGES_MAX = 1_000;
/** A pull waits this long for a first message, ms: what a pull gets whose process died is held back for the ack deadline. */
const PULL_MS = 5_000;
/** Longest wait at the end for a service that may be gone, ms. */
const GOODBYE_MS = 2_000;
/** After this long the service has given what was waiting, as far as there is room for it, ms. */
const SETTLED_MS = 1_000;

/**
 * One subscriber. It pulls as much as it has room for, which bounds exactly what it holds; that is leased to it, and the
 * leases are extended until it closes. The streaming kind of pull is not used: it is broken off by the service now and
 * then, and an emulator deals messages to a stream whose reader died, for minutes.
 */
export class PubsubSubscription implements Subscription {
  readonly #options: SubscriptionOptions;
  readonly #leases: Leases;
  readonly #begun: number;
  readonly #closing = new AbortController();
  readonly #inbox: Inbox;
  #pulls = 0;
  /** Messages that the pulls under way may bring. */
  #asked = 0;

  constructor(options: SubscriptionOptions) {
    const { link, subscription, clock, ack_deadline: deadline } = options;
    this.#options = options;
    this.#begun = clock.monotonic();
    this.#inbox = new Inbox(clock);
    this.#leases = new Leases({ link, subscription, deadline, clock });
    void this.#leases.renew(this.#closing.signal);
    this.#pull();
  }

  /** Messages that this subscriber has and has not acked. */
  get held(): number {
    return this.#leases.count;
  }

  /** Whether what waits in the service would be here by now. */
  get settled(): boolean {
    return this.#inbox.failure === null && this.#options.clock.monotonic() - this.#begun > SETTLED_MS;
  }

  receive(options: ReceiveOptions): Promise<readonly Delivery[]> {
    return this.#inbox.take(options);
  }

  /** Also after a pull failed: an ack is a request of its own, and the leases go on. */
  async ack(deliveries: readonly Delivery[]): Promise<void> {
    try {
      await this.#leases.ack(deliveries);
    } catch (error) {
      throw classified(error, this.#where);
    }
    this.#pull();
  }

  /** They stay here for the delay: the service would count each return as a failed delivery. */
  async nack(deliveries: readonly Delivery[], delayMs: number): Promise<void> {
    this.#inbox.putBack(deliveries, delayMs);
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#inbox.fail(notConnected(this.#where));
    this.#closing.abort();
    await this.#handBack();
    this.#options.onClose();
  }

  /** What broke a pull often broke the channel: on one that comes back nobody need wait for the deadline. */
  async #handBack(): Promise<void> {
    const { link, subscription, clock } = this.#options;
    if (!(await ready(link, clock))) return;
    await this.#leases.giveUp();
    // Answered when the service knows of the pulls that ended: a process that ends sooner would leave them to it.
    await link.subscriber.getSubscription({ subscription }, { ...ONCE, timeout: GOODBYE_MS }).catch(() => {});
  }

  get #where(): string {
    return `subscription ${this.#options.subscription}`;
  }

  /** Messages that there is room for. */
  get #room(): number {
    const { prefetch, prefetch_bytes } = this.#options;
    return this.#leases.bytes >= prefetch_bytes ? 0 : prefetch - this.#leases.count - this.#asked;
  }

  #pull(): void {
    const maxMessages = Math.min(PULL_MESSAGES_MAX, this.#room);
    if (this.#inbox.failure || maxMessages < 1 || this.#pulls === PULLS_MAX) return;
    this.#pulls += 1;
    this.#asked += maxMessages;
    void this.#pullOnce(maxMessages).then((count) => {
      this.#pulls -= 1;
      this.#asked -= maxMessages;
      // Where something came more may wait; where nothing came one pull is enough to hear of it.
      if (count > 0 || this.#pulls === 0) this.#pull();
      if (count > 0) this.#pull();
    });
  }

  /** How many came. A failure is kept for `receive`. */
  async #pullOnce(maxMessages: number): Promise<number> {
    const { link, subscription } = this.#options;
    const options = { ...ONCE, timeout: PULL_MS, signal: this.#closing.signal };
    try {
      const [{ receivedMessages }] = await link.subscriber.pull({ subscription, maxMessages }, options);
      for (const received of receivedMessages ?? []) this.#take(received);
      return receivedMessages?.length ?? 0;
    } catch (error) {
      if (statusOf(error) !== STATUS.deadlineExceeded) this.#inbox.fail(classified(error, this.#where));
      return 0;
    }
  }

  #take({ message: arrived, ackId }: Received): void {
    const message = arrived ? messageOf(arrived) : null;
    if (!message) {
      this.#inbox.fail(foreign(this.#where));
      return;
    }
    const delivery = { message, position: null };
    this.#leases.add(delivery, ackId ?? '');
    this.#inbox.put(delivery);
  }
}
