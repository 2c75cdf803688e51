import type { Clock } from '../../lib/clock.ts';
import type { Delivery } from '../driver.ts';
import { type Link, ONCE } from './connection.ts';
import { STATUS, statusOf } from './errors.ts';

export interface LeasesOptions {
  readonly link: Link;
  /** Full name. */
  readonly subscription: string;
  /** ms. */
  readonly deadline: number;
  readonly clock: Clock;
}

/** A request of acks may have 512 KiB; an ack's id has about 200 bytes. */
const IDS_MAX = 1_000;
/** Renewed this often within a deadline: one renewal may fail. */
const RENEWALS = 3;

/** The deliveries that the service has given to this subscriber and to nobody else, until each one's deadline. */
export class Leases {
  readonly #options: LeasesOptions;
  /** By delivery: its ack's id. An acked one is gone from it, so that a second ack does nothing. */
  readonly #ids = new Map<Delivery, string>();
  #bytes = 0;

  constructor(options: LeasesOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#ids.size;
  }

  /** Of payload. */
  get bytes(): number {
    return this.#bytes;
  }

  add(delivery: Delivery, ackId: string): void {
    this.#ids.set(delivery, ackId);
    this.#bytes += delivery.message.payload.length;
  }

  /**
   * Resolves when the service has taken the acks.
   * @throws what it answers otherwise; the deliveries not acked stay leased
   */
  async ack(deliveries: readonly Delivery[]): Promise<void> {
    const { link, subscription } = this.#options;
    for (const part of parts(deliveries.filter((delivery) => this.#ids.has(delivery)))) {
      try {
        await link.subscriber.acknowledge({ subscription, ackIds: this.#idsOf(part) }, ONCE);
      } catch (error) {
        if (!isLate(error)) throw error;
      }
      for (const delivery of part) this.#forget(delivery);
    }
  }

  /** Extends every lease again and again until the signal aborts: a unit may be written for longer than a deadline. */
  async renew(signal: AbortSignal): Promise<void> {
    const { clock, deadline } = this.#options;
    while (!signal.aborted) {
      await clock.sleep(deadline / RENEWALS, signal);
      if (!signal.aborted) await this.#set(Math.ceil(deadline / 1_000));
    }
  }

  /** Hands everything back: it is given again at once. */
  async giveUp(): Promise<void> {
    await this.#set(0);
    this.#ids.clear();
    this.#bytes = 0;
  }

  /** A failure is nobody's: without an answer the leases end by themselves, and what was leased is given again. */
  async #set(ackDeadlineSeconds: number): Promise<void> {
    const { link, subscription } = this.#options;
    const requests = parts([...this.#ids.keys()]).map((part) =>
      link.subscriber.modifyAckDeadline({ subscription, ackIds: this.#idsOf(part), ackDeadlineSeconds }, ONCE),
    );
    await Promise.allSettled(requests);
  }

  #idsOf(deliveries: readonly Delivery[]): string[] {
    return deliveries.flatMap((delivery) => this.#ids.get(delivery) ?? []);
  }

  #forget(delivery: Delivery): void {
    if (this.#ids.delete(delivery)) this.#bytes -= delivery.message.payload.length;
  }
}

/** With exactly-once delivery the service says that a lease had ended; then the batch comes again, and the store knows it. */
function isLate(error: unknown): boolean {
  return statusOf(error) === STATUS.invalidArgument || statusOf(error) === STATUS.failedPrecondition;
}

function parts(deliveries: readonly Delivery[]): Delivery[][] {
  const count = Math.ceil(deliveries.length / IDS_MAX);
  return Array.from({ length: count }, (_, n) => deliveries.slice(n * IDS_MAX, (n + 1) * IDS_MAX));
}
