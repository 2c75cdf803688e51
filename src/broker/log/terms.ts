import type { Position } from '../driver.ts';

/**
 * What one start of the owner wrote: the records from `first` up to the next term. A log that was put back from a copy goes
 * on in a term of its own, so a position of the lost part does not fit it, however far it has grown since.
 */
export interface Term {
  /** UUID. */
  readonly id: string;
  /** Offset of its first record. */
  readonly first: number;
}

/** Terms of a log, oldest first, under the name that its positions have. */
export interface Course {
  readonly epoch: string;
  readonly terms: readonly Term[];
}

export interface Beginning {
  readonly id: string;
  /** Last offset of the log. */
  readonly end: number;
  /** First offset that the log still holds. */
  readonly oldest: number;
}

/**
 * The terms of a log whose owner starts. One that holds no record, because nothing came or because its records were cut,
 * makes room; one that no position can name any more is forgotten.
 */
export function beginTerm(terms: readonly Term[], { id, end, oldest }: Beginning): readonly Term[] {
  const written = [...terms.filter(({ first }) => first <= end), { id, first: end + 1 }];
  return written.filter((_, n) => (written[n + 1]?.first ?? oldest) >= oldest);
}

/** The position of a record of this log. Records that an Azud without terms wrote have none. */
export function positionAt({ epoch, terms }: Course, offset: number): Position {
  // Nearly always the last. Asked for each record, so nothing is made but the answer.
  for (let at = terms.length - 1; at >= 0; at -= 1) {
    const { id, first } = terms[at] as Term;
    if (first <= offset) return { stream: epoch, offset, term: id };
  }
  return { stream: epoch, offset };
}

/**
 * Last offset up to which whoever has come to the position has read what this log holds: Infinity while its term is the
 * one being written, or it has none; null where the log does not know its term.
 */
export function lastShared({ terms }: Course, { term }: Position): number | null {
  if (term === undefined) return Infinity;
  const at = terms.findIndex(({ id }) => id === term);
  if (at < 0) return null;
  const next = terms[at + 1];
  return next ? next.first - 1 : Infinity;
}
