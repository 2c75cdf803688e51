import { eventually } from '../support/eventually.ts';

export interface ProgressOptions {
  readonly total: number;
  readonly say: (text: string) => void;
}

const LINE_EVERY_MS = 2_000;
const ASK_EVERY_MS = 200;
const ASK_FOR_MS = 5_000;

/** Says how far a run has come, how fast it goes and how long it will take. */
export class Progress {
  readonly #options: ProgressOptions;
  readonly #begun = performance.now();
  #saidAt = performance.now();

  constructor(options: ProgressOptions) {
    this.#options = options;
  }

  sent(count: number): void {
    this.#line('sent', count);
  }

  /** Asks for the sums until everything is stored. @throws Error when nothing more is stored for that long, ms */
  async until<Sums extends { readonly stored: number }>(ask: () => Promise<Sums>, standstillMs: number): Promise<Sums> {
    let [stored, movedAt] = [-1, performance.now()];
    const check = async () => {
      const sums = await ask();
      if (sums.stored >= this.#options.total) return sums;
      if (sums.stored !== stored) movedAt = performance.now();
      stored = sums.stored;
      this.#line('stored', stored);
      throw new Error(`${stored} of ${this.#options.total} events are stored`);
    };
    // While something moves there is always another time to ask.
    for (;;) {
      try {
        return await eventually(check, { timeoutMs: ASK_FOR_MS, intervalMs: ASK_EVERY_MS });
      } catch (error) {
        if (performance.now() - movedAt > standstillMs) throw error;
      }
    }
  }

  #line(what: string, count: number): void {
    const now = performance.now();
    if (now - this.#saidAt < LINE_EVERY_MS) return;
    this.#saidAt = now;
    const { total, say } = this.#options;
    const rate = count / ((now - this.#begun) / 1_000);
    const left = rate === 0 ? '?' : Math.ceil((total - count) / rate);
    say(`${words(count)} of ${words(total)} ${what}, ${words(rate)}/s, ${left} s left`);
  }
}

const words = (count: number): string => Math.round(count).toLocaleString('en');
