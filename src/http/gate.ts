import { AzudError } from '../error/azud-error.ts';

/** Gives the place back. */
export type Leave = () => void;

interface Queue {
  active: number;
  readonly waiting: ((leave: Leave) => void)[];
}

export interface GateLimits {
  readonly concurrentPerTokenMax: number;
  readonly seatWaitMs: number;
}

/**
 * How many reads of one token run at the same time. More wait their turn, for a while: so a crowd of quick reads passes,
 * and heavy ones of one token leave room for those of the others.
 */
export class Gate {
  readonly #limits: GateLimits;
  readonly #queues = new Map<string, Queue>();

  constructor(limits: GateLimits) {
    this.#limits = limits;
  }

  /** A place; at once where there is one. @throws AzudError `rate-limited` when none comes free in time */
  enter(name: string): Leave | Promise<Leave> {
    const queue = this.#queues.get(name) ?? { active: 0, waiting: [] };
    this.#queues.set(name, queue);
    if (queue.active >= this.#limits.concurrentPerTokenMax) return this.#wait(name, queue);
    queue.active += 1;
    return this.#leave(name, queue);
  }

  #wait(name: string, queue: Queue): Promise<Leave> {
    return new Promise((resolve, reject) => {
      const begin = (leave: Leave) => {
        clearTimeout(timer);
        resolve(leave);
      };
      const timer = setTimeout(() => {
        queue.waiting.splice(queue.waiting.indexOf(begin), 1);
        reject(crowded(name, this.#limits));
      }, this.#limits.seatWaitMs);
      queue.waiting.push(begin);
    });
  }

  #leave(name: string, queue: Queue): Leave {
    return () => {
      const next = queue.waiting.shift();
      if (next) return next(this.#leave(name, queue));
      queue.active -= 1;
      if (queue.active === 0) this.#queues.delete(name);
    };
  }
}

function crowded(name: string, { concurrentPerTokenMax, seatWaitMs }: GateLimits): AzudError {
  const what = `${concurrentPerTokenMax} reads of ${name} run already, and none ended within ${seatWaitMs / 1_000} s`;
  return new AzudError('rate-limited', what, { retryAfterSeconds: 1 });
}
