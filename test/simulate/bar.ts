import { timeText } from '../../src/cli/progress.ts';

const REDRAW_MS = 200;
/** Without a terminal a line now and then says that it lives. */
const LINE_MS = 5_000;
const BAR_WIDTH = 24;

/** How far a long count has come, with its rate and the time left; on stderr. */
export class Bar {
  readonly #what: string;
  readonly #total: number;
  readonly #begunMs = performance.now();
  #drawnMs = performance.now();

  constructor(what: string, total: number) {
    this.#what = what;
    this.#total = total;
  }

  update(done: number, note: string): void {
    const now = performance.now();
    const { isTTY } = process.stderr;
    if (done < this.#total && now - this.#drawnMs < (isTTY ? REDRAW_MS : LINE_MS)) return;
    this.#drawnMs = now;
    const seconds = (now - this.#begunMs) / 1_000;
    const share = done / this.#total;
    const filled = Math.round(share * BAR_WIDTH);
    const bar = isTTY ? `${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)}  ` : '';
    const left = done > 0 ? `${timeText((seconds / share) * (1 - share))} left` : '';
    const rate = `${Math.round(done / seconds).toLocaleString('en')}/s`;
    const text = `${bar}${done.toLocaleString('en')} of ${this.#total.toLocaleString('en')} ${this.#what}  ${rate}  ${left}  ${note}`;
    process.stderr.write(isTTY ? `\r\x1b[K${text}${done < this.#total ? '' : '\n'}` : `${text}\n`);
  }
}
