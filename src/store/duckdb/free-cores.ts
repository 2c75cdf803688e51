import { availableParallelism, cpus } from 'node:os';

/** Shorter than this the kernel's ticks of 10 ms say nothing, ms. */
export const WINDOW_MS_MIN = 50;
/** A longer one says nothing about now, ms. */
const WINDOW_MS_MAX = 1_000;
/** What this process takes with two connections busy, in cores, less what the others can spare. */
const CORES = 1.5;

interface Use {
  readonly atMs: number;
  /** Core time taken by all processes, and by this one, ms. */
  readonly all: number;
  readonly own: number;
}

export interface CoresFree {
  /** Looks at what has been used since the last look. */
  look(): void;
  /** By the last look that had something to see. */
  areFree(): boolean;
}

/** Tells whether there is a core that nobody else uses: one is left to intake, unless intake leaves it. */
export class FreeCores implements CoresFree {
  #last: Use = use();
  #free = false;

  look(): void {
    const now = use();
    const windowMs = now.atMs - this.#last.atMs;
    if (windowMs < WINDOW_MS_MIN) return;
    const others = now.all - this.#last.all - (now.own - this.#last.own);
    this.#free = windowMs <= WINDOW_MS_MAX && availableParallelism() - others / windowMs >= CORES;
    this.#last = now;
  }

  areFree(): boolean {
    this.look();
    return this.#free;
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
