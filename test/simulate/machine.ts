import { Broker } from '../../src/broker/broker.ts';
import { LogOwner } from '../../src/broker/log/owner.ts';
import { type AzudError, isAzudError } from '../../src/error/azud-error.ts';
import type { Message } from '../../src/event/batch.ts';
import { Intake } from '../../src/intake/intake.ts';
import { type Adoption, adopt, planAdoption } from '../../src/loader/adoption.ts';
import { Keeper } from '../../src/loader/keeper.ts';
import { Loader } from '../../src/loader/loader.ts';
import { Commits } from '../../src/query/commits.ts';
import { Conservation } from '../../src/query/conservation.ts';
import { DeadLetters } from '../../src/query/dead-letters.ts';
import { Receipts } from '../../src/query/receipts.ts';
import { Store } from '../../src/store/store.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import { Metrics } from '../../src/telemetry/metrics.ts';
import type { SimulatedDisk } from '../support/simulated-disk.ts';
import { LOADED, TAKEN } from './datasets.ts';
import type { History } from './history.ts';
import { ModelStore } from './model-store.ts';
import type { Scheduler } from './scheduler.ts';

export const DATA_FOLDER = '/data';
export const LOG_FOLDER = '/data/log';
export const STORE_FOLDER = '/data/store';

export interface MachineOptions {
  readonly disk: SimulatedDisk;
  readonly scheduler: Scheduler;
  readonly history: History;
  readonly settings: MachineSettings;
  /** The process would end now. */
  readonly onFatal: (error: Error) => void;
}

/** Small, so that everything that happens once in gigabytes happens in every run. */
export interface MachineSettings {
  readonly segmentBytesMax: number;
  readonly retentionMs: number;
  readonly retentionBytes: number;
  readonly reserveBytes: number;
  readonly snapshotGrowthBytes: number;
  readonly unitEventsMax: number;
}

/** Counters are not part of what is checked, and making them anew is most of what a start costs. */
const METRICS = new Metrics();

/** One process of Azud from its start to its end: the real rooms on a disk and a clock that are not. */
export class Machine {
  readonly broker: Broker;
  readonly store: Store;
  readonly intake: Intake;
  readonly conservation: Conservation;
  readonly receipts: Receipts;
  readonly letters: DeadLetters;
  /** What it does from now on reaches nobody. */
  gone = false;
  readonly #options: MachineOptions;
  readonly #owner: LogOwner;
  readonly #loader: Loader;
  readonly #keeper: Keeper;
  readonly #stopping = new AbortController();
  #work: Promise<unknown>[] = [];

  constructor(options: MachineOptions) {
    const { disk, scheduler, settings, history } = options;
    const common = { clock: scheduler, log: silentLog, metrics: METRICS };
    this.#options = options;
    this.#owner = new LogOwner({
      ...common,
      ...settings,
      dataDir: DATA_FOLDER,
      io: disk,
      onFatal: (error) => this.fatal(error),
      limits: { reserveBytes: settings.reserveBytes, diskUsedRatioMax: 0.95, shared: false },
    });
    this.broker = new Broker({ ...common, driver: this.#owner });
    const onBatch = history.lies.bind(history);
    const driver = new ModelStore({ io: disk, folder: STORE_FOLDER, onBatch });
    this.store = new Store(driver, common);
    const rooms = { ...common, broker: this.broker, store: this.store, datasets: LOADED };
    this.#loader = new Loader({ ...rooms, limits: loaderLimits(settings) });
    this.#keeper = new Keeper({ ...rooms, limits: keeperLimits(settings) });
    const publish = (messages: readonly Message[]) => this.#publish(messages);
    this.intake = new Intake({ datasets: TAKEN, publish, clock: scheduler });
    this.conservation = new Conservation({ ...rooms, datasets: TAKEN });
    this.receipts = new Receipts({ ...rooms, commits: new Commits(scheduler) });
    this.letters = new DeadLetters({ ...rooms, broker: { publish }, cursorKey: Buffer.alloc(32) });
  }

  /** Bytes that the start cut from the log's end. */
  get bytesCut(): number {
    return this.#owner.recovered.bytesCut;
  }

  /**
   * Answers what an operator would have to confirm before it can load: null, as ever, where nothing.
   * @throws AzudError for which the real process would not start
   */
  async open(): Promise<Adoption | null> {
    await this.broker.open();
    await this.store.open([...LOADED.values()], { allowDestructive: false, onStep: () => {} });
    const { repair } = this.#owner;
    const { history } = this.#options;
    for (const { places } of history.damaged ? await repair.skip(true) : [])
      for (const { first, records } of places) history.skips(first, records);
    history.damaged = false;
    const rooms = { broker: this.broker, store: this.store, datasets: LOADED };
    return planAdoption({ ...rooms, repair });
  }

  async adopt(adoption: Adoption): Promise<void> {
    await adopt(adoption, this.store);
    await this.store.snapshot();
  }

  /** Loads from now on. */
  load(): void {
    const { signal } = this.#stopping;
    this.#work = [this.#loader.run(signal), this.#keeper.run(signal)];
    for (const each of this.#work) each.catch((error: unknown) => this.fatal(error));
  }

  /** Everything that the log holds is in the store. */
  async drained(): Promise<boolean> {
    const { messages } = await this.broker.backlog(await this.store.progress());
    return messages === 0;
  }

  /** As the process ends at a signal: what it took is finished first. */
  async close(): Promise<void> {
    this.#stopping.abort();
    await Promise.allSettled(this.#work);
    await this.store.close();
    await this.broker.close();
  }

  fatal(error: unknown): void {
    if (this.gone) return;
    if (!isAzudError(error) || error.code === 'internal')
      this.#options.history.wrong(`the process ended with ${(error as Error).stack}`);
    this.#options.onFatal(error as AzudError);
  }

  async #publish(messages: readonly Message[]) {
    const { history } = this.#options;
    for (const message of messages) history.sent(message);
    const results = await this.broker.publish(messages);
    results.forEach((result, n) => {
      if (this.gone || 'error' in result) return;
      history.acked(messages[n]?.id ?? '', result.position);
    });
    return results;
  }
}

function loaderLimits({ unitEventsMax }: MachineSettings) {
  return {
    unitEventsMax,
    unitEventsAmple: Math.ceil(unitEventsMax / 2),
    unitBatchesMax: 12,
    unitBytesMax: 20_000,
    unitDelayMs: 5,
    unitIntervalMs: 15,
    receiveIntervalMs: 2,
    retryFirstMs: 20,
    retryMaxMs: 1_000,
    lagIntervalMs: 500,
  };
}

function keeperLimits({ snapshotGrowthBytes }: MachineSettings) {
  return {
    tickMs: 40,
    sweepIntervalMs: 1_000,
    snapshotGrowthBytes,
    snapshotGrowthShare: 0.5,
    snapshotIntervalMs: 3_000,
  };
}
