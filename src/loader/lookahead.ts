import type { Unit } from './unit.ts';

/** Units in hand: the one that is being written, and two to come. */
const UNITS_MAX = 3;

interface Gathered {
  readonly unit: Promise<Unit | null>;
  /** Resolves when it is written, or when nobody will write it any more. */
  readonly written: PromiseWithResolvers<void>;
}

export interface LookaheadOptions {
  /** `Gatherer.next`: called again when it has answered. `busy`: the unit before it is being written. */
  readonly gather: (busy: Promise<void>) => Promise<Unit | null>;
  /** Told of each unit when it is gathered, in order. */
  readonly onGathered: (unit: Unit) => void;
}

/**
 * Gathers units ahead of the one that is being written: the next one, and when that one did not have to wait for the store, which
 * is a backlog, the one after it. So a store that can begin with a unit before its turn always has one to begin with.
 */
export class Lookahead {
  readonly #options: LookaheadOptions;
  /** The unit in hand first, once there is one. */
  readonly #units: Gathered[] = [];

  constructor(options: LookaheadOptions) {
    this.#options = options;
  }

  /** The next unit to write; the one before is done with. Null when there are no more. @throws what gathering throws */
  async next(): Promise<Unit | null> {
    this.written();
    this.#units.shift();
    this.#extend();
    return this.#units[0]?.unit ?? null;
  }

  /** The unit in hand is in the store. */
  written(): void {
    this.#units[0]?.written.resolve();
  }

  /** Those in hand that were gathered, when nothing more will be written: gathering has been stopped by its signal. */
  async leave(): Promise<readonly Unit[]> {
    const left: Unit[] = [];
    for (const { unit, written } of this.#units.splice(0)) {
      written.resolve();
      const gathered = await unit.catch(() => null);
      if (gathered) left.push(gathered);
    }
    return left;
  }

  #extend(): void {
    while (this.#units.length < UNITS_MAX) {
      const unit = this.#gather(this.#units.at(-1));
      // Its failure is met by `next`, or by `leave`; not as an unhandled rejection in between.
      unit.catch(() => {});
      this.#units.push({ unit, written: Promise.withResolvers() });
    }
  }

  async #gather(last: Gathered | undefined): Promise<Unit | null> {
    if (last && (await last.unit) === null) return null;
    const unit = await this.#options.gather(last?.written.promise ?? Promise.resolve());
    if (unit) this.#options.onGathered(unit);
    return unit;
  }
}
