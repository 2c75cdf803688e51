import type { Clock } from '../lib/clock.ts';
import type { Output } from './output.ts';

const REDRAW_MS = 100;
/** Without a terminal a line now and then says that it lives. */
const LINE_MS = 5_000;
const BAR_WIDTH = 24;

export interface Done {
  readonly events: number;
  readonly bytes: number;
}

export interface ProgressOptions {
  readonly out: Output;
  readonly clock: Clock;
  readonly label: string;
  /** Of the whole; null when nobody knows. */
  readonly totalBytes: number | null;
  /** Better than bytes where it is known. */
  readonly totalEvents?: number;
}

/** A bar with rate and time left on a terminal, a line now and then elsewhere; all on stderr. */
export class Progress {
  readonly #options: ProgressOptions;
  readonly #startedAt: number;
  #drawnAt = Number.NEGATIVE_INFINITY;
  #drawn = false;

  constructor(options: ProgressOptions) {
    this.#options = options;
    this.#startedAt = options.clock.monotonic();
    if (!options.out.interactive) this.#drawnAt = this.#startedAt;
  }

  get elapsedMs(): number {
    return this.#options.clock.monotonic() - this.#startedAt;
  }

  update(done: Done): void {
    const { out, clock } = this.#options;
    const now = clock.monotonic();
    if (now - this.#drawnAt < (out.interactive ? REDRAW_MS : LINE_MS)) return;
    this.#drawnAt = now;
    this.#draw(done);
  }

  /** A word in between, without tearing the bar. */
  say(message: string): void {
    this.#clear();
    this.#options.out.say(message);
  }

  /** Draws the whole as done, what stands between the events of a file included, and leaves it standing. */
  end(done: Done): void {
    if (this.#options.out.interactive) {
      this.#draw({ ...done, bytes: this.#options.totalBytes ?? done.bytes });
      this.#options.out.say('');
    }
    this.#drawn = false;
  }

  /** Takes the bar away. */
  stop(): void {
    this.#clear();
  }

  #draw(done: Done): void {
    const { out } = this.#options;
    const text = this.text(done);
    if (out.interactive) out.redraw([...text].slice(0, out.width - 1).join(''));
    else out.say(text);
    this.#drawn = true;
  }

  #clear(): void {
    if (this.#drawn && this.#options.out.interactive) this.#options.out.redraw('');
    this.#drawn = false;
  }

  text({ events, bytes }: Done): string {
    const { label, totalBytes, totalEvents, out } = this.#options;
    const seconds = Math.max(this.elapsedMs / 1_000, 0.001);
    const rate = `${events.toLocaleString('en')} events  ${Math.round(events / seconds).toLocaleString('en')}/s`;
    const share = totalEvents ? events / totalEvents : totalBytes ? bytes / totalBytes : null;
    if (share === null) return `${label}  ${rate}`;
    const part = Math.min(1, share);
    const filled = Math.round(part * BAR_WIDTH);
    const bar = out.interactive ? `${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)}  ` : '';
    const left = part > 0 && part < 1 ? `  ${timeText((seconds / part) * (1 - part))} left` : '';
    return `${label}  ${bar}${Math.floor(part * 100)}%  ${rate}${left}`;
  }
}

/** `45 s`, `2 min 05 s`, `1 h 02 min`. */
export function timeText(seconds: number): string {
  const whole = Math.ceil(seconds);
  const two = (value: number) => String(value).padStart(2, '0');
  if (whole < 60) return `${whole} s`;
  if (whole < 3_600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  return `${Math.floor(whole / 3_600)} h ${two(Math.floor((whole % 3_600) / 60))} min`;
}
