import type { Delivery, Subscription } from '../broker/driver.ts';
import { rowCode } from '../error/catalogue.ts';
import { type Message, payloadSpanOf } from '../event/batch.ts';
import { decodeBatch } from '../event/codec.ts';
import type { Dataset } from '../event/dataset.ts';
import { lengthOf } from '../event/span.ts';
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
  readonly limits: {
    readonly unitEventsMax: number;
    readonly unitEventsAmple: number;
    readonly unitBytesMax: number;
    readonly unitBatchesMax: number;
    readonly unitDelayMs: number;
    readonly unitIntervalMs: number;
    readonly receiveIntervalMs: number;
  };
}

/** Messages asked for at once: enough for a unit of single events in a few turns, few enough to decode without a pause. */
const MESSAGES_MAX = 5_000;
/** Bytes in one answer that tell of more waiting: a quarter of what a reader of the log takes at once. */
const BACKLOG_BYTES = 256 * 1024;

/** Gathers deliveries into units, in the order of delivery. What does not fit a unit opens the next. */
export class Gatherer {
  readonly #subscription: Pick<Subscription, 'receive' | 'unhurried'>;
  readonly #options: GathererOptions;
  #carry: readonly Delivery[] = [];
  #completedAtMs = Number.NEGATIVE_INFINITY;

  constructor(subscription: Pick<Subscription, 'receive' | 'unhurried'>, options: GathererOptions) {
    this.#subscription = subscription;
    this.#options = options;
  }

  /** Deliveries received and not yet in a unit. */
  get carried(): readonly Delivery[] {
    return this.#carry;
  }

  /**
   * The next unit: complete when it is full; else when its first delivery has waited `unitDelayMs`, `unitIntervalMs` has
   * passed since the unit before, and `busy`, the writing of that one, has ended. What comes seldom is stored soon, and a
   * store with much to do is given larger units, not more of them; an ample one at the end of a backlog does not wait for
   * `busy`, so that the store can begin with it. What can wait where it is is received when the unit is about to be complete.
   * Null when the signal aborts before anything came.
   * @throws AzudError `not-connected`, `log-damaged`
   */
  async next(signal: AbortSignal, busy: Promise<unknown> = Promise.resolve()): Promise<Unit | null> {
    const { clock, limits } = this.#options;
    const unit = new UnitBuilder(this.#options);
    this.#carry = unit.fill(this.#carry);
    // What did not fit the unit before was not all.
    let more = unit.deliveries.length > 0;
    while (unit.deliveries.length === 0) {
      if (signal.aborted) return null;
      more = await this.#receive(unit, signal);
    }
    const deadline = new AbortController();
    const end = () => deadline.abort();
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    const sinceMs = clock.monotonic() - this.#completedAtMs;
    const delayMs = Math.max(limits.unitDelayMs, limits.unitIntervalMs - sinceMs);
    const lastLookMs = clock.monotonic() + delayMs - limits.receiveIntervalMs;
    const delay = clock.sleep(delayMs, deadline.signal);
    void Promise.all([delay, busy]).then(end);
    void delay.then(() => this.#grown(unit, deadline.signal)).then(end);
    try {
      while (!unit.full && !deadline.signal.aborted) {
        if (!more) await this.#pause(lastLookMs, deadline.signal);
        more = !deadline.signal.aborted && (await this.#receive(unit, deadline.signal));
      }
    } finally {
      signal.removeEventListener('abort', end);
      end();
    }
    this.#completedAtMs = clock.monotonic();
    return { deliveries: unit.deliveries, batches: unit.batches };
  }

  /** Resolves when the unit is ample and nothing was added to it for a while. */
  async #grown(unit: UnitBuilder, signal: AbortSignal): Promise<void> {
    const { clock, limits } = this.#options;
    for (let events = -1; !signal.aborted && !(unit.ample && unit.events === events); ) {
      events = unit.events;
      await clock.sleep(limits.receiveIntervalMs, signal);
    }
  }

  /** One look at the broker; true when more is waiting, as far as can be told. */
  async #receive(unit: UnitBuilder, signal: AbortSignal): Promise<boolean> {
    const { bytesLeft } = unit;
    const deliveries = await this.#subscription.receive({ messagesMax: MESSAGES_MAX, bytesMax: bytesLeft, signal });
    this.#carry = unit.fill(deliveries);
    return deliveries.length === MESSAGES_MAX || bytesLeft - unit.bytesLeft >= BACKLOG_BYTES;
  }

  /** Between two looks where little was waiting: each costs the same, whatever it finds. */
  async #pause(lastLookMs: number, signal: AbortSignal): Promise<void> {
    const { clock, limits } = this.#options;
    const untilLastMs = this.#subscription.unhurried ? lastLookMs - clock.monotonic() : 0;
    await clock.sleep(Math.max(limits.receiveIntervalMs, untilLastMs), signal);
  }
}

class UnitBuilder {
  readonly deliveries: Delivery[] = [];
  readonly batches: UnitBatch[] = [];
  readonly #datasets: GathererOptions['datasets'];
  readonly #limits: GathererOptions['limits'];
  #events = 0;
  #bytes = 0;
  #overflowed = false;

  constructor({ datasets, limits }: GathererOptions) {
    this.#datasets = datasets;
    this.#limits = limits;
  }

  get full(): boolean {
    const { unitEventsMax, unitBatchesMax } = this.#limits;
    return (
      this.#overflowed || this.#events >= unitEventsMax || this.batches.length >= unitBatchesMax || this.bytesLeft <= 0
    );
  }

  get events(): number {
    return this.#events;
  }

  get ample(): boolean {
    return this.events >= this.#limits.unitEventsAmple;
  }

  get bytesLeft(): number {
    return this.#limits.unitBytesMax - this.#bytes;
  }

  /** Takes deliveries while they fit, at least one, and answers the rest. */
  fill(deliveries: readonly Delivery[]): readonly Delivery[] {
    for (let index = 0; index < deliveries.length; index += 1) {
      const delivery = deliveries[index] as Delivery;
      // A replay accepts nothing new, yet its lines are work all the same; its bytes bound it.
      const { events } = delivery.message;
      const bytes = lengthOf(payloadSpanOf(delivery.message));
      const { unitEventsMax, unitBatchesMax } = this.#limits;
      const fits =
        this.#events + events <= unitEventsMax && this.batches.length < unitBatchesMax && bytes <= this.bytesLeft;
      if (this.deliveries.length > 0 && !fits) {
        this.#overflowed = true;
        return deliveries.slice(index);
      }
      this.deliveries.push(delivery);
      this.batches.push(this.#toBatch(delivery));
      this.#events += events;
      this.#bytes += bytes;
    }
    return [];
  }

  #toBatch({ message, position }: Delivery): UnitBatch {
    const batch = decodeBatch(message);
    const dead = this.#datasets.has(batch.dataset) ? NONE_DEAD : deadLines(batch.count, notDeclared(message));
    return { batch, position, dead };
  }
}

const NONE_DEAD: ReadonlyMap<number, DeadReason> = new Map();

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
