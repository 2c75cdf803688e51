import {
  type Message as Arrival,
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  ReceiveMessageCommand,
} from '@aws-sdk/client-sqs';
import { AzudError } from '../../error/azud-error.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Delivery, ReceiveOptions, Subscription } from '../driver.ts';
import { Inbox } from '../inbox.ts';
import type { Aws, Call, CallOptions } from './aws.ts';
import { ATTRIBUTE_NAMES, messageOf } from './envelope.ts';
import { classified, type FailedEntry, foreign, unreachable } from './errors.ts';
import { ENTRIES_MAX, inRequests } from './requests.ts';

export interface SubscriptionOptions {
  readonly aws: Pick<Aws, 'call'>;
  readonly queueUrl: string;
  /** The queue, in words. */
  readonly about: string;
  readonly waitSeconds: number;
  readonly visibilitySeconds: number;
  readonly prefetch: number;
  readonly clock: Clock;
  readonly onClose: () => void;
}

/** Receives under way at once while the queue is full: each brings ten messages at most. One, while it is empty. */
const RECEIVES_MAX = 8;
/** Payload that has arrived and nobody has taken, bytes; above it nothing more is asked for. */
const WAITING_BYTES_MAX = 16 * 1024 * 1024;
/** Beyond the wait that was asked for, ms. */
const RECEIVE_MARGIN_MS = 10_000;
/** Longest time for handing back what is held, ms: after it SQS does the same, at the end of the visibility. */
const RELEASE_MS = 2_000;

/** What SQS gave with a delivery that is not acked. */
interface Hold {
  readonly receipt: string;
  /** Until then SQS hides it from others, ms of the monotonic clock. */
  hiddenUntil: number;
}

/**
 * One consumer: long polls in the background, as many as the queue has use for, and a heartbeat that keeps hidden what is
 * held. It holds at most `prefetch` messages that are not acked.
 */
export class SqsSubscription implements Subscription {
  readonly #options: SubscriptionOptions;
  readonly #inbox: Inbox;
  /** Not acked; a delivery that is acked, or that SQS gave to another, is gone from it. */
  readonly #held = new Map<Delivery, Hold>();
  readonly #closing = new AbortController();
  /** Receives under way, those wanted, and the messages that they may bring. */
  #receives = 0;
  #receivesWanted = 1;
  #asked = 0;

  constructor(options: SubscriptionOptions) {
    this.#options = options;
    this.#inbox = new Inbox(options.clock);
    this.#pump();
    void this.#heartbeat();
  }

  async receive(options: ReceiveOptions): Promise<readonly Delivery[]> {
    const deliveries = await this.#inbox.take(options);
    this.#pump();
    return deliveries;
  }

  /**
   * Works after a failed receive too: what is stored need not come again.
   * @throws AzudError `not-connected`, or `unavailable` when SQS kept some; those come again, and the store knows them
   */
  async ack(deliveries: readonly Delivery[]): Promise<void> {
    let refused = 0;
    let refusal = '';
    await inRequests(this.#holdsOf(deliveries), async (holds) => {
      const Entries = holds.map(([, { receipt }], n) => ({ Id: String(n), ReceiptHandle: receipt }));
      const command = new DeleteMessageBatchCommand({ QueueUrl: this.#options.queueUrl, Entries });
      const { Failed = [] } = await this.#call(({ sqs }, options) => sqs.send(command, options));
      const failed = failures(Failed);
      for (const [n, [delivery]] of holds.entries()) {
        const failure = failed.get(n);
        // The sender's fault is a receipt that has lapsed: the message is with another loader already.
        if (!failure || failure.SenderFault) this.#held.delete(delivery);
        else {
          refused += 1;
          refusal = `${failure.Code}: ${failure.Message}`;
        }
      }
    });
    this.#pump();
    if (refused === 0) return;
    throw new AzudError('unavailable', `${this.#options.about} did not take ${refused} acks: ${refusal}`);
  }

  /** They stay here for the delay, hidden at SQS, where each return would count as a failed delivery. */
  async nack(deliveries: readonly Delivery[], delayMs: number): Promise<void> {
    this.#inbox.putBack(deliveries, delayMs);
  }

  /** What is held is given back at once, so that another loader need not wait for the end of its visibility. */
  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#inbox.fail(unreachable(`the subscription of ${this.#options.about}`, 'it is closed'));
    this.#options.onClose();
    const deadline = AbortSignal.timeout(RELEASE_MS);
    // Whatever hinders it, SQS does the same by itself later.
    await this.#hide([...this.#held.keys()], 0, deadline).catch(() => {});
    this.#held.clear();
  }

  /** Keeps as many receives under way as are wanted and have room. */
  #pump(): void {
    while (this.#inbox.failure === null && this.#receives < this.#receivesWanted) {
      const room = this.#options.prefetch - this.#held.size - this.#asked;
      const count = Math.min(ENTRIES_MAX, room);
      if (count < 1 || this.#inbox.bytes > WAITING_BYTES_MAX) return;
      this.#receives += 1;
      this.#asked += count;
      void this.#poll(count).then(() => this.#pump());
    }
  }

  /** Never rejects. */
  async #poll(count: number): Promise<void> {
    const { queueUrl, waitSeconds, visibilitySeconds, clock } = this.#options;
    const begun = clock.monotonic();
    const command = new ReceiveMessageCommand({
      QueueUrl: queueUrl,
      MaxNumberOfMessages: count,
      WaitTimeSeconds: waitSeconds,
      VisibilityTimeout: visibilitySeconds,
      MessageAttributeNames: ATTRIBUTE_NAMES,
    });
    try {
      const { Messages = [] } = await this.#call(({ sqs }, options) => sqs.send(command, options), {
        timeoutMs: waitSeconds * 1_000 + RECEIVE_MARGIN_MS,
        signal: this.#closing.signal,
      });
      // A full answer tells of more waiting; an empty one that a single receive is enough to wait with.
      if (Messages.length === count) this.#receivesWanted = Math.min(this.#receivesWanted * 2, RECEIVES_MAX);
      else if (Messages.length === 0) this.#receivesWanted = 1;
      for (const arrived of Messages) this.#take(arrived, begun + visibilitySeconds * 1_000);
    } catch (error) {
      this.#inbox.fail(classified(error, this.#options.about));
    }
    this.#receives -= 1;
    this.#asked -= count;
  }

  #take(arrived: Arrival, hiddenUntil: number): void {
    const message = messageOf(arrived);
    if (!message || !arrived.ReceiptHandle) {
      this.#inbox.fail(foreign(this.#options.about));
      return;
    }
    const delivery = { message, position: null };
    this.#held.set(delivery, { receipt: arrived.ReceiptHandle, hiddenUntil });
    this.#inbox.put(delivery);
  }

  /** Three looks in the time that SQS hides a message: one may fail, and still nothing that is held comes again. */
  async #heartbeat(): Promise<void> {
    const { clock, visibilitySeconds } = this.#options;
    const lookMs = (visibilitySeconds * 1_000) / 3;
    for (;;) {
      await clock.sleep(lookMs, this.#closing.signal);
      if (this.#closing.signal.aborted) return;
      const before = clock.monotonic() + 2 * lookMs;
      const due = [...this.#held].flatMap(([delivery, { hiddenUntil }]) => (hiddenUntil < before ? [delivery] : []));
      // The next look tries again; what lapses meanwhile comes again, and the store knows it.
      await this.#hide(due, visibilitySeconds, this.#closing.signal).catch(() => {});
    }
  }

  /** Hides what is held for so many seconds from now; 0 gives it back. */
  #hide(deliveries: readonly Delivery[], seconds: number, signal: AbortSignal): Promise<void> {
    const { queueUrl, clock } = this.#options;
    return inRequests(this.#holdsOf(deliveries), async (holds) => {
      const Entries = holds.map(([, { receipt }], n) => ({
        Id: String(n),
        ReceiptHandle: receipt,
        VisibilityTimeout: seconds,
      }));
      const command = new ChangeMessageVisibilityBatchCommand({ QueueUrl: queueUrl, Entries });
      const hiddenUntil = clock.monotonic() + seconds * 1_000;
      const { Failed = [] } = await this.#call(({ sqs }, options) => sqs.send(command, options), { signal });
      const failed = failures(Failed);
      for (const [n, [delivery, hold]] of holds.entries()) {
        const failure = failed.get(n);
        if (!failure) hold.hiddenUntil = hiddenUntil;
        else if (failure.SenderFault) this.#held.delete(delivery);
      }
    });
  }

  #call<Answer>(act: Call<Answer>, options: Omit<CallOptions, 'about'> = {}): Promise<Answer> {
    return this.#options.aws.call(act, { about: this.#options.about, ...options });
  }

  #holdsOf(deliveries: readonly Delivery[]): readonly (readonly [Delivery, Hold])[] {
    return deliveries.flatMap((delivery) => {
      const hold = this.#held.get(delivery);
      return hold ? [[delivery, hold] as const] : [];
    });
  }
}

/** By the place of the entry in its request. */
function failures<Entry extends FailedEntry & { readonly Id?: string | undefined }>(
  failed: readonly Entry[],
): ReadonlyMap<number, Entry> {
  return new Map(failed.map((entry) => [Number(entry.Id), entry]));
}
