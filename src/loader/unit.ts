import type { Delivery, Subscription } from '../broker/driver.ts';
import { rowCode } from '../error/catalogue.ts';
import type { Message } from '../event/batch.ts';
import { decodeBatch } from '../event/codec.ts';
import type { Dataset } from '../event/dataset.ts';
import type { Clock } from '../lib/clock.ts';
import type { DeadReason, UnitBatch } from '../store/driver.ts';

/** What the loader writes in one store transaction, and acks as one. */
export interface Unit {
  readonly deliveries: readonly Delivery[];
  /** One a delivery, in their order. */
  readonly batches: readonly UnitBatch[];
}

export interface GathererOptions {
  readonly datasets: ReadonlyMap<string, Dataset>;
  readonly clock: Clock;
  readonly limits: { readonly unitEventsMax: number; readonly unitBytesMax: number; readonly unitDelayMs: number };
}

/** Messages asked for at once: enough for a unit of single events in a few turns, few enough to decode without a pause. */
const MESSAGES_MAX = 5_000;

/** Gathers deliveries into units, in the order of delivery. What does not fit a unit opens the next. */
export class Gatherer {
  readonly #subscription: Pick<Subscription, 'receive'>;
  readonly #options: GathererOptions;
  #carry: readonly Delivery[] = [];

  constructor(subscription: Pick<Subscription, 'receive'>, options: GathererOptions) {
    this.#subscription = subscription;
    this.#options = options;
  }

  /** Deliveries received and not yet in a unit. */
  get carried(): readonly Delivery[] {
    return this.#carry;
  }

  /**
   * The next unit: complete when it is full, or when its first delivery has waited `unitDelayMs`. Null when the signal
   * aborts before anything came.
   * @throws AzudError `not-connected`, `log-damaged`
   */
  async next(signal: AbortSignal): Promise<Unit | null> {
    const { clock, limits } = this.#options;
    const unit = new UnitBuilder(limits);
    this.#carry = unit.fill(this.#carry);
    while (unit.deliveries.length === 0) {
      if (signal.aborted) return null;
      await this.#receive(unit, signal);
    }
    const deadline = new AbortController();
    const end = () => deadline.abort();
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    void clock.sleep(limits.unitDelayMs, deadline.signal).then(end);
    try {
      while (!unit.full && !deadline.signal.aborted) await this.#receive(unit, deadline.signal);
    } finally {
      signal.removeEventListener('abort', end);
      end();
    }
    return { deliveries: unit.deliveries, batches: unit.deliveries.map((delivery) => this.#toBatch(delivery)) };
  }

  async #receive(unit: UnitBuilder, signal: AbortSignal): Promise<void> {
    const deliveries = await this.#subscription.receive({
      messagesMax: MESSAGES_MAX,
      bytesMax: unit.bytesLeft,
      signal,
    });
    this.#carry = unit.fill(deliveries);
  }

  #toBatch({ message, position }: Delivery): UnitBatch {
    const batch = decodeBatch(message);
    const dead = this.#options.datasets.has(batch.dataset) ? new Map() : deadLines(batch.count, notDeclared(message));
    return { batch, position, dead };
  }
}

class UnitBuilder {
  readonly deliveries: Delivery[] = [];
  readonly #limits: GathererOptions['limits'];
  #events = 0;
  #bytes = 0;
  #overflowed = false;

  constructor(limits: GathererOptions['limits']) {
    this.#limits = limits;
  }

  get full(): boolean {
    return this.#overflowed || this.#events >= this.#limits.unitEventsMax || this.bytesLeft <= 0;
  }

  get bytesLeft(): number {
    return this.#limits.unitBytesMax - this.#bytes;
  }

  /** Takes deliveries while they fit, at least one, and answers the rest. */
  fill(deliveries: readonly Delivery[]): readonly Delivery[] {
    for (const [index, delivery] of deliveries.entries()) {
      // A replay accepts nothing new, yet its lines are work all the same; its bytes bound it.
      const { events, payload } = delivery.message;
      const fits = this.#events + events <= this.#limits.unitEventsMax && payload.length <= this.bytesLeft;
      if (this.deliveries.length > 0 && !fits) {
        this.#overflowed = true;
        return deliveries.slice(index);
      }
      this.deliveries.push(delivery);
      this.#events += events;
      this.#bytes += payload.length;
    }
    return [];
  }
}

/** Every line of a batch, dead for one reason. */
export function deadLines(count: number, reason: DeadReason): ReadonlyMap<number, DeadReason> {
  return new Map(Array.from({ length: count }, (_, line) => [line, reason]));
}

/** The dataset was taken out of the configuration while its events were on their way: they are kept, and can be replayed. */
function notDeclared({ dataset }: Message): DeadReason {
  return {
    stage: 'store',
    code: rowCode('dataset-not-found'),
    message: `the dataset ${dataset} is not declared any more`,
    path: '',
  };
}
