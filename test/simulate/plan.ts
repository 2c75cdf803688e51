import { Chance } from './chance.ts';
import type { MachineSettings } from './machine.ts';

/** What goes wrong, and at which of the calls to the disk since the process began (from 1). */
export interface Trouble {
  /** Which start of the process, from 0. */
  readonly boot: number;
  readonly at: number;
  readonly kind: TroubleKind;
  /** The call fails again and again until the process ends; a full disk stays full for so many calls. */
  readonly calls: number;
}

/**
 * `kill` and `power` end the process; `EIO`, `ENOSPC` and `SHORT` are what a call answers; `full` is a disk without room;
 * `clock` sets the wall clock; `loss` damages the store's files before the boot, `flip` one bit of a sealed segment; `older`
 * copies the log's folder and puts the copy back before the next boot.
 */
export type TroubleKind = 'kill' | 'power' | 'EIO' | 'ENOSPC' | 'SHORT' | 'full' | 'clock' | 'loss' | 'flip' | 'older';

export interface Plan {
  readonly seed: number;
  /** At most so many requests of one client. */
  readonly requests: number;
  readonly settings: MachineSettings;
  readonly troubles: readonly Trouble[];
}

export const FOREVER = Number.MAX_SAFE_INTEGER;

const ENDS: readonly TroubleKind[] = ['kill', 'power', 'power'];
const FAILURES: readonly TroubleKind[] = ['EIO', 'ENOSPC', 'SHORT', 'full', 'clock'];

/** Everything about a run follows from its seed. */
export function planOf(seed: number): Plan {
  const chance = new Chance(seed, 'plan');
  const troubles: Trouble[] = [];
  const boots = chance.below(4);
  for (let boot = 0; boot < boots; boot += 1) {
    if (chance.happens(0.5)) troubles.push({ boot, ...failure(chance) });
    if (chance.happens(0.9)) troubles.push({ boot, at: callNumber(chance), kind: chance.pick(ENDS), calls: 1 });
    if (boot > 0 && chance.happens(0.1)) troubles.push({ boot, at: 0, kind: 'loss', calls: 1 });
  }
  if (boots > 0 && chance.happens(0.06)) troubles.push({ boot: boots, at: 0, kind: 'flip', calls: 1 });
  if (boots > 0 && chance.happens(0.25)) {
    troubles.push({ boot: chance.below(boots), at: callNumber(chance), kind: 'older', calls: 1 });
  }
  return { seed, requests: chance.between(2, 10), settings: settingsOf(chance), troubles };
}

function failure(chance: Chance): Omit<Trouble, 'boot'> {
  const kind = chance.pick(FAILURES);
  const calls = kind === 'full' ? chance.between(2, 80) : chance.happens(0.5) ? 1 : FOREVER;
  return { at: callNumber(chance), kind, calls };
}

/** Starts are short and full of rare calls, so half of the troubles come early. */
function callNumber(chance: Chance): number {
  return chance.happens(0.4) ? chance.between(1, 40) : chance.between(1, 400);
}

function settingsOf(chance: Chance): MachineSettings {
  const large = chance.happens(0.03);
  return {
    segmentBytesMax: large ? 4e6 : chance.between(400, 6_000),
    retentionMs: chance.happens(0.5) ? 0 : 1e9,
    retentionBytes: chance.happens(0.5) ? 0 : 1e9,
    reserveBytes: chance.happens(0.3) ? chance.between(1, 4_000) : 0,
    snapshotGrowthBytes: chance.between(500, 5_000),
    unitEventsMax: chance.between(3, 40),
  };
}

/** For the reader of a failure: one line for each trouble. */
export function describe({ boot, at, kind, calls }: Trouble): string {
  const when = at === 0 ? `before start ${boot + 1}` : `at call ${at} of start ${boot + 1}`;
  const length = calls === FOREVER ? ', and from then on' : calls > 1 ? `, for ${calls} calls` : '';
  return `${kind} ${when}${length}`;
}
