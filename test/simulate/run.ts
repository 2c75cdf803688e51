import { SimulatedDisk } from '../support/simulated-disk.ts';
import { Boot, type Watch } from './boot.ts';
import { Chance, type OwnedChance } from './chance.ts';
import { type Client, makeClients } from './clients.ts';
import { copyLog, damageStore, flipSealedBit, putLogBack } from './damage.ts';
import { History } from './history.ts';
import type { Plan, Trouble } from './plan.ts';
import { Scheduler } from './scheduler.ts';

export interface Outcome {
  /** What happened that must not; empty when all promises were kept. */
  readonly faults: readonly string[];
  /** The troubles that came to pass, each with the call that it met. */
  readonly met: readonly string[];
  /** Of every choice and every byte count of the run. */
  readonly trace: number;
  readonly sums: Sums;
}

/** What a run went through, for the figures. */
export interface Sums {
  readonly boots: number;
  readonly calls: number;
  readonly cuts: number;
  readonly kills: number;
  readonly failures: number;
  readonly acknowledged: number;
  /** A flipped bit was met and named. */
  readonly incidents: number;
}

const START_MS = Date.UTC(2026, 0, 1);

/** Runs the plan to its end. The same plan gives the same outcome, to the last bit. */
export async function run(plan: Plan, owned: OwnedChance, watch?: Watch): Promise<Outcome> {
  const outcome = await new Run(plan, owned, watch).run();
  owned.end();
  return outcome;
}

class Run {
  readonly #plan: Plan;
  readonly #history = new History();
  readonly #scheduler: Scheduler;
  readonly #chance: { readonly world: Chance; readonly clients: Chance; readonly disk: Chance };
  readonly #clients: readonly Client[];
  readonly #sums = { boots: 0, calls: 0, cuts: 0, kills: 0, failures: 0, incidents: 0 };
  #disk = new SimulatedDisk();
  #flipped = false;
  /** Of the log's folder, with the batches that were acknowledged by then. */
  #copy: { readonly log: ReadonlyMap<string, Buffer>; readonly kept: ReadonlySet<string> } | null = null;
  readonly #watch: Watch | undefined;
  readonly #met: string[] = [];

  constructor(plan: Plan, owned: OwnedChance, watch: Watch | undefined) {
    const { seed, requests } = plan;
    this.#plan = plan;
    this.#watch = watch;
    this.#scheduler = new Scheduler(new Chance(seed, 'schedule'), START_MS);
    this.#chance = {
      world: new Chance(seed, 'world'),
      clients: new Chance(seed, 'clients'),
      disk: new Chance(seed, 'disk'),
    };
    owned.begin(seed, this.#scheduler.turn);
    this.#clients = makeClients(this.#chance.clients, requests, this.#history);
  }

  async run(): Promise<Outcome> {
    const last = this.#plan.troubles.reduce((boot, trouble) => Math.max(boot, trouble.boot), 0) + 1;
    for (let boot = 0; boot <= last && !this.#isOver; boot += 1) await this.#boot(boot, boot === last);
    const { faults, batches } = this.#history;
    const acknowledged = [...batches.values()].filter(({ acked }) => acked).length;
    return { faults, met: this.#met, trace: this.#scheduler.trace, sums: { ...this.#sums, acknowledged } };
  }

  get #isOver(): boolean {
    return this.#history.faults.length > 0;
  }

  async #boot(number: number, last: boolean): Promise<void> {
    const own = this.#plan.troubles.filter(({ boot }) => boot === number);
    this.#sums.boots += 1;
    this.#putBack();
    this.#damage(own);
    const boot = new Boot({
      disk: this.#disk,
      scheduler: this.#scheduler,
      history: this.#history,
      plan: this.#plan,
      chance: this.#chance,
      clients: this.#clients,
      troubles: own,
      number,
      last,
      flipped: this.#flipped,
      watch: this.#watch,
      onCopy: () => {
        this.#copy = { log: copyLog(this.#disk), kept: this.#history.acknowledged };
      },
    });
    await boot.run();
    this.#met.push(...boot.troubles.met);
    this.#sums.calls += boot.troubles.calls;
    if (boot.troubles.happened) this.#sums.failures += 1;
    if (boot.incident) this.#sums.incidents += 1;
    if (boot.end === 'kill') this.#sums.kills += 1;
    if (boot.end !== 'power') return;
    this.#sums.cuts += 1;
    this.#disk = this.#disk.cutPower(this.#chance.disk.next);
  }

  #damage(troubles: readonly Trouble[]): void {
    for (const { kind } of troubles) {
      if (kind === 'loss') {
        damageStore(this.#disk, this.#chance.disk);
        this.#history.refused = false;
      }
      if (kind === 'flip') this.#flipped = flipSealedBit(this.#disk, this.#chance.disk);
    }
  }

  /** The log's folder, if it was copied. */
  #putBack(): void {
    if (!this.#copy) return;
    const { log, kept } = this.#copy;
    this.#copy = null;
    // Whoever puts it back syncs it.
    this.#disk = this.#disk.copy();
    putLogBack(this.#disk, log);
    this.#history.putBack(kept);
  }
}
