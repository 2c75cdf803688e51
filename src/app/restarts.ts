import { SUPERVISOR_LIMITS } from '../limits.ts';

/** Exit code of a process that met an I/O error: only a start that scans the disk may tell what is safe. */
export const EXIT_IO = 74;

export type Verdict = { readonly restartAfterMs: number } | { readonly giveUp: string };

/**
 * When a dead child is started again. The first time at once; then each time later; a child that keeps dying is tried
 * slowly but for ever, because what has been taken in is still to be loaded. Only I/O failures end it: a disk that
 * failed three times in ten minutes is not to be trusted with another acknowledgement.
 */
export class RestartPolicy {
  readonly #limits: typeof SUPERVISOR_LIMITS;
  #deaths: number[] = [];
  #ioFailures: number[] = [];

  constructor(limits: typeof SUPERVISOR_LIMITS = SUPERVISOR_LIMITS) {
    this.#limits = limits;
  }

  /** @param nowMs monotonic */
  died(exitCode: number | null, nowMs: number): Verdict {
    const { crashWindowMs, crashesMax, restartFirstMs, restartMaxMs, ioWindowMs, ioFailuresMax } = this.#limits;
    this.#deaths = [...this.#deaths, nowMs].filter((at) => nowMs - at < crashWindowMs);
    if (exitCode === EXIT_IO) {
      this.#ioFailures = [...this.#ioFailures, nowMs].filter((at) => nowMs - at < ioWindowMs);
      if (this.#ioFailures.length >= ioFailuresMax) {
        return { giveUp: `${ioFailuresMax} I/O failures within ${ioWindowMs / 60_000} minutes` };
      }
    }
    const again = this.#deaths.length - 1;
    if (again === 0) return { restartAfterMs: 0 };
    if (again >= crashesMax) return { restartAfterMs: restartMaxMs };
    return { restartAfterMs: Math.min(restartMaxMs, restartFirstMs * 2 ** (again - 1)) };
  }
}
