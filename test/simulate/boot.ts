import { type AzudError, isAzudError } from '../../src/error/azud-error.ts';
import type { DiskCall, SimulatedDisk } from '../support/simulated-disk.ts';
import type { Chance } from './chance.ts';
import { check } from './check.ts';
import type { Client, Door } from './clients.ts';
import type { History } from './history.ts';
import { Machine } from './machine.ts';
import { Operator } from './operator.ts';
import type { Plan, Trouble } from './plan.ts';
import type { Scheduler } from './scheduler.ts';
import { Troubles } from './troubles.ts';

/** More than any run takes by far: beyond, it does not come to an end. */
const STEPS_MAX = 60_000;
const QUIET_MS_MAX = 2_000;
const HOUR_MS = 3_600_000;
/** "Accepts again within 5 s of space coming back." */
const ROOM_MS_MAX = 5_000;

/** Told of every call to the disk, when it is made. */
export type Watch = (boot: number, call: DiskCall) => void;

export interface BootOptions {
  readonly disk: SimulatedDisk;
  readonly scheduler: Scheduler;
  readonly history: History;
  readonly plan: Plan;
  readonly chance: { readonly world: Chance; readonly clients: Chance; readonly disk: Chance };
  readonly clients: readonly Client[];
  readonly troubles: readonly Trouble[];
  readonly number: number;
  readonly last: boolean;
  readonly flipped: boolean;
  readonly watch: Watch | undefined;
  /** The log's folder is copied now. */
  readonly onCopy: () => void;
}

/** From one start of the process to its end. */
export class Boot {
  readonly troubles: Troubles;
  /** How it ended, once it has. */
  end: 'closed' | 'exit' | 'kill' | 'power' | null = null;
  /** A damaged log was met, as it must be. */
  incident = false;
  readonly #options: BootOptions;
  readonly #machine: Machine;
  #roomSinceMs = Infinity;

  constructor(options: BootOptions) {
    const { disk, scheduler, history, plan, troubles, chance } = options;
    this.#options = options;
    this.troubles = new Troubles({
      disk,
      troubles,
      onEnd: (kind) => this.#ends(kind),
      onClock: () => scheduler.jump((chance.world.happens(0.5) ? -1 : 1) * HOUR_MS),
      onCopy: this.#options.onCopy,
      onRoom: () => {
        this.#roomSinceMs = scheduler.monotonic();
      },
    });
    const onFatal = (error: Error) => this.#exits(error);
    this.#machine = new Machine({ disk, scheduler, history, settings: plan.settings, onFatal });
  }

  async run(): Promise<void> {
    const { disk, scheduler, history, number, chance, watch } = this.#options;
    // The process of the boot before is dead: one of another start has its pid now.
    disk.put(`/proc/${process.pid}/stat`, Buffer.from(`${process.pid} (azud) S ${'0 '.repeat(18)}${number + 1} 0`));
    disk.random = chance.disk.next;
    disk.gate = (call) => {
      watch?.(number, call);
      return scheduler.gate(call);
    };
    disk.fault = (call) => {
      scheduler.note(`${this.troubles.calls} ${disk.bytes(call.path).length}`);
      return this.troubles.meet(call);
    };
    const stepsMax = scheduler.steps + STEPS_MAX;
    this.#live().catch((error: unknown) => history.wrong(`the run itself failed: ${(error as Error).stack}`));
    const wentOn = await scheduler.run(() => this.end !== null || this.#failed || scheduler.steps > stepsMax);
    if (this.end === null && !this.#failed) history.wrong(wentOn ? 'it does not come to an end' : 'it hangs');
    this.#machine.gone = true;
    await scheduler.halt();
    disk.gate = null;
    disk.fault = () => null;
  }

  get #failed(): boolean {
    return this.#options.history.faults.length > 0;
  }

  async #live(): Promise<void> {
    const { clients, history, last } = this.#options;
    const machine = this.#machine;
    try {
      if (!(await this.#opens())) return await this.#takesIn();
      machine.load();
    } catch (error) {
      return this.#refusesToStart(error);
    }
    const operator = new Operator({ machine, ...this.#options, chance: this.#options.chance.world });
    await Promise.all([...clients.map((client) => this.#runLater(client)), operator.run()]);
    if (!(await this.#drains())) return;
    if (last) {
      for (const client of clients) if (!client.through) history.wrong('a client was never served');
      await check(machine, history);
    }
    try {
      await machine.close();
    } catch (error) {
      if (!this.troubles.happened) history.wrong(`closing failed: ${error}`);
    }
    this.#ends('closed');
  }

  /** False: the log is not the store's, and nobody has confirmed yet that the store is to go on with it. */
  async #opens(): Promise<boolean> {
    const { history, last, chance } = this.#options;
    const adoption = await this.#machine.open();
    if (adoption && !history.older) history.wrong(`the store does not fit the log: ${adoption.reason}`);
    if (!adoption && history.refused)
      history.wrong('a log that is not the one that the store has read is taken for it');
    history.refused = adoption !== null && !last && chance.world.happens(0.5);
    if (adoption && !history.refused) await this.#machine.adopt(adoption);
    return !history.refused;
  }

  /** What comes in meanwhile lies in the log. */
  async #takesIn(): Promise<void> {
    await Promise.all(this.#options.clients.map((client) => this.#runLater(client)));
    await this.#machine.close().catch(() => {});
    this.#ends('closed');
  }

  /** Some clients are away at first: then what the start found is all that there is. */
  async #runLater(client: Client): Promise<void> {
    const { scheduler, chance } = this.#options;
    if (chance.clients.happens(0.3)) await scheduler.sleep(chance.clients.below(QUIET_MS_MAX));
    await client.run(this.#door());
  }

  /** True when the store has everything; without faults that always comes. */
  async #drains(): Promise<boolean> {
    const { scheduler } = this.#options;
    for (let looks = 0; looks < 300; looks += 1) {
      try {
        if (await this.#machine.drained()) return true;
      } catch (error) {
        if (!isAzudError(error)) throw error;
      }
      await scheduler.sleep(50);
    }
    if (!this.troubles.happened && !this.#options.flipped) this.#options.history.wrong('the backlog stays');
    this.#ends('kill');
    return false;
  }

  #door(): Door {
    const { scheduler, chance, history, last } = this.#options;
    return {
      take: (request) => this.#machine.intake.take(request),
      clock: scheduler,
      chance: chance.clients,
      history,
      patient: !last,
      refused: (error) => this.#refused(error),
    };
  }

  #refused({ code, message }: AzudError): void {
    const { scheduler, history } = this.#options;
    const late = scheduler.monotonic() - this.#roomSinceMs > ROOM_MS_MAX;
    if (code === 'storage-full' && late && this.#onlyFull)
      history.wrong(`still refused 5 s after room came: ${message}`);
    if (!this.troubles.happened && !this.#options.flipped) history.wrong(`refused without a cause: ${code} ${message}`);
  }

  get #onlyFull(): boolean {
    return this.#options.troubles.every(({ kind }) => kind === 'full' || kind === 'kill' || kind === 'power');
  }

  #refusesToStart(error: unknown): void {
    const { history } = this.#options;
    if (isAzudError(error)) this.#exits(error);
    else history.wrong(`the start failed with ${(error as Error).stack}`);
  }

  /** The process ends itself. It may: after a failure of the disk, or at a flipped bit. */
  #exits(error: Error): void {
    const { history, flipped } = this.#options;
    const named = isAzudError(error, 'log-damaged');
    if (flipped && named) {
      this.incident = true;
      history.damaged = true;
    } else if (!this.troubles.happened || named)
      history.wrong(`the process ended by itself: ${(error as AzudError).code} ${error.message}`);
    this.#ends('exit');
  }

  #ends(how: NonNullable<Boot['end']>): void {
    this.end ??= how;
  }
}
