import { PublishBatchCommand, type PublishBatchResultEntry } from '@aws-sdk/client-sns';
import { SendMessageBatchCommand } from '@aws-sdk/client-sqs';
import type { Message } from '../../event/batch.ts';
import type { PublishResult } from '../driver.ts';
import type { Aws } from './aws.ts';
import { type Envelope, envelopeOf } from './envelope.ts';
import { classified, classifiedEntry, type FailedEntry, unreachable } from './errors.ts';
import { ENTRIES_MAX } from './requests.ts';

/** Where messages go. */
export interface Target {
  readonly queueUrl: string;
  /** Null: to the queue itself. */
  readonly topicArn: string | null;
  /** Of a FIFO queue: what goes one after the other. Null: the queue is none. */
  readonly group: 'batch' | 'dataset' | null;
  /** In words. */
  readonly about: string;
  /** All messages of one request together, bytes as the service counts them. */
  readonly requestBytesMax: number;
}

/** Requests under way: enough for 8,000 messages a second at 20 ms each; what comes meanwhile fills the next ones. */
const REQUESTS_MAX = 16;

interface Item {
  readonly message: Message;
  readonly envelope: Envelope;
  readonly resolve: (result: PublishResult) => void;
}

/** What the service says to a request, by entry. */
interface Answer {
  readonly Successful?: readonly Pick<PublishBatchResultEntry, 'Id'>[] | undefined;
  readonly Failed?: readonly (FailedEntry & { readonly Id?: string | undefined })[] | undefined;
}

/**
 * Puts messages that are published at the same time into common requests. Nobody waits for company: while fewer requests
 * than allowed are under way a message goes at once, and while as many are, what comes gathers for the next.
 */
export class Outbox {
  readonly #aws: Pick<Aws, 'call' | 'where'>;
  readonly #target: Target;
  readonly #requestsMax: number;
  readonly #waiting: Item[] = [];
  #underWay = 0;

  constructor(aws: Pick<Aws, 'call' | 'where'>, target: Target) {
    this.#aws = aws;
    this.#target = target;
    // Two at once could overtake each other.
    this.#requestsMax = target.group === 'dataset' ? 1 : REQUESTS_MAX;
  }

  /** Never rejects. */
  publish(message: Message): Promise<PublishResult> {
    const { promise, resolve } = Promise.withResolvers<PublishResult>();
    this.#waiting.push({ message, envelope: envelopeOf(message), resolve });
    // Once a turn, so that messages published together travel together.
    if (this.#waiting.length === 1) queueMicrotask(() => this.#pump());
    return promise;
  }

  #pump(): void {
    while (this.#underWay < this.#requestsMax && this.#waiting.length > 0) {
      this.#underWay += 1;
      void this.#send(this.#next()).finally(() => {
        this.#underWay -= 1;
        this.#pump();
      });
    }
  }

  #next(): readonly Item[] {
    let [count, bytes] = [0, 0];
    for (const { envelope } of this.#waiting) {
      bytes += envelope.bytes;
      if (count === ENTRIES_MAX || (count > 0 && bytes > this.#target.requestBytesMax)) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  /** Never rejects: each item is told its own result. */
  async #send(items: readonly Item[]): Promise<void> {
    const { about } = this.#target;
    try {
      const { Successful = [], Failed = [] } = await this.#request(items);
      const taken = new Set(Successful.map(({ Id }) => Id));
      const failed = new Map(Failed.map((entry) => [entry.Id, entry]));
      for (const [n, { resolve }] of items.entries()) {
        const failure = failed.get(String(n));
        if (failure) resolve({ error: classifiedEntry(failure, `${about} at ${this.#aws.where}`) });
        else if (taken.has(String(n))) resolve({ position: null });
        else resolve({ error: unreachable(about, 'the answer leaves out the message') });
      }
    } catch (error) {
      const known = classified(error, about);
      for (const { resolve } of items) resolve({ error: known });
    }
  }

  #request(items: readonly Item[]): Promise<Answer> {
    const { queueUrl, topicArn, about } = this.#target;
    if (topicArn === null) {
      const Entries = items.map((item, n) => ({ ...this.#entryOf(item, n), MessageBody: item.envelope.body }));
      const command = new SendMessageBatchCommand({ QueueUrl: queueUrl, Entries });
      return this.#aws.call(({ sqs }, options) => sqs.send(command, options), { about });
    }
    const PublishBatchRequestEntries = items.map((item, n) => ({
      ...this.#entryOf(item, n),
      Message: item.envelope.body,
    }));
    const command = new PublishBatchCommand({ TopicArn: topicArn, PublishBatchRequestEntries });
    return this.#aws.call(({ sns }, options) => sns.send(command, options), { about });
  }

  #entryOf({ message: { id, dataset }, envelope }: Item, n: number) {
    const { group } = this.#target;
    return {
      Id: String(n),
      MessageAttributes: { ...envelope.attributes },
      ...(group !== null && { MessageGroupId: group === 'batch' ? id : dataset, MessageDeduplicationId: id }),
    };
  }
}
