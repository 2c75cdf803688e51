/** One line of the table: a figure, what it is held against, and the ratio that is promised. */
export interface Figure {
  readonly what: string;
  /** The figure in words: `14,200 requests/s`. */
  readonly measured: string;
  /** What it is compared with, in words; a bound for figures that have one. */
  readonly reference: string;
  /** Measured over reference. Null for figures that are a bound or a shape. */
  readonly ratio: number | null;
  /** `≥ 0.70`, `< 1 s`. */
  readonly target: string;
  readonly met: boolean | null;
}

export interface Case {
  readonly name: string;
  readonly about: string;
  run(options: CaseOptions): Promise<readonly Figure[]>;
}

export interface CaseOptions {
  /** True for the short form: the same path in seconds, figures only indicative. */
  readonly quick: boolean;
  /** Length of the memory run, minutes. */
  readonly soakMinutes: number;
  readonly say: (text: string) => void;
}

const NUMBER = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

export const perSecond = (rate: number, unit: string): string => `${NUMBER.format(rate)} ${unit}/s`;
export const count = (value: number): string => NUMBER.format(value);
export const ms = (value: number): string => `${value < 10 ? value.toFixed(1) : NUMBER.format(value)} ms`;
export const mb = (bytes: number): string => `${NUMBER.format(bytes / 1e6)} MB`;

/** A ratio with a lower bound. */
export function atLeast(what: string, bound: number, sides: Sides): Figure {
  const ratio = sides.measured / sides.reference;
  return {
    what,
    measured: perSecond(sides.measured, sides.unit),
    reference: `${perSecond(sides.reference, sides.unit)}, ${sides.of}`,
    ratio,
    target: `≥ ${bound.toFixed(2)}`,
    met: ratio >= bound,
  };
}

interface Sides {
  readonly measured: number;
  readonly reference: number;
  readonly unit: string;
  /** What the reference is. */
  readonly of: string;
}

/** A figure with an upper bound. */
export function below(
  what: string,
  value: number,
  bound: { readonly limit: number; readonly words: (v: number) => string },
): Figure {
  return {
    what,
    measured: bound.words(value),
    reference: '',
    ratio: null,
    target: `< ${bound.words(bound.limit)}`,
    met: value < bound.limit,
  };
}

/** A figure that shows a shape and promises nothing. */
export function shape(what: string, measured: string, reference = ''): Figure {
  return { what, measured, reference, ratio: null, target: '', met: null };
}

/** The middle of a few runs: these machines are noisy. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
