import { availableParallelism, cpus } from 'node:os';

/** Shorter than this the kernel's ticks of 10 ms say nothing, ms. */
export const WINDOW_MS_MIN = 50;
/** What this process takes with two connections busy, in cores, less what the others can spare. */
const CORES = 1.5;

interface Use {
  readonly atMs: number;
  /** Core time taken by all processes, and by this one, ms. */
  readonly all: number;
  readonly own: number;
}

export interface CoresFree {
  /** What counts is what is used from here on. */
  begin(): void;
  /** Since `begin`, or since this was asked last. */
  areFree(): boolean;
}

/** Tells whether there is a core that nobody else uses: one is left to intake, unless intake leaves it. */
export class FreeCores implements CoresFree {
  #begun: Use = use();

  begin(): void {
    this.#begun = use();
  }

  areFree(): boolean {
    const now = use();
    const windowMs = now.atMs - this.#begun.atMs;
    if (windowMs < WINDOW_MS_MIN) return false;
    const others = now.all - this.#begun.all - (now.own - this.#begun.own);
    this.#begun = now;
    return availableParallelism() - others / windowMs >= CORES;
  }
}

function use(): Use {
  const times = cpus().map((cpu) => cpu.times);
  const { user, system } = process.cpuUsage();
  return {
    atMs: performance.now(),
    all: times.reduce((sum, each) => sum + each.user + each.nice + each.sys + each.irq, 0),
    own: (user + system) / 1000,
  };
}
