import type { AzudError } from '../../error/azud-error.ts';

/** The last record that is on disk for certain, and where it ends. */
export interface End {
  /** 0 when the log is empty. */
  readonly offset: number;
  /** First offset of the tail segment. */
  readonly segment: number;
  /** Byte after the last durable record, in that segment. */
  readonly byte: number;
}

/** The one thing that readers wait for. The owner moves it after each sync; a client follows what the owner tells. */
export class DurableEnd {
  #current: End;
  #failure: AzudError | null = null;
  readonly #listeners = new Set<() => void>();

  constructor(end: End) {
    this.#current = end;
  }

  get current(): End {
    return this.#current;
  }

  advance(end: End): void {
    this.#current = end;
    this.wake();
  }

  /** Why the end will never move again, or null. */
  get failure(): AzudError | null {
    return this.#failure;
  }

  fail(error: AzudError): void {
    this.#failure = error;
    this.wake();
  }

  /** Lets everyone who waits look again. */
  wake(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  /** Calls back whenever the end may have moved; answers how to stop. */
  watch(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves when the end may have moved, or the signal aborts. */
  change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const done = () => {
        stop();
        signal.removeEventListener('abort', done);
        resolve();
      };
      const stop = this.watch(done);
      signal.addEventListener('abort', done);
    });
  }
}
