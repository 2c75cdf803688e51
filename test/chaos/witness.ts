/**
 * What the senders know of one event. `acknowledged`: a 2xx was read. `unanswered`: it may have been taken in, and nobody
 * can know. `refused`: the answer said that nothing of it is kept.
 */
export type Claim = 'acknowledged' | 'unanswered' | 'refused';

/** Knows every event of one cycle and what was answered to it. Says nothing of its own: `audit` compares it with the store. */
export class Witness {
  /** By dataset and by the mark that each event carries. */
  readonly claims: Readonly<Record<string, Map<string, Claim>>> = { orders: new Map(), parcels: new Map() };
  /** The visits of upserted customers: the last acknowledged, and the last sent. */
  readonly visits = new Map<string, { acknowledged: number; sent: number }>();
  /** Rows refused in acknowledged batches, by transaction. */
  readonly letters = new Map<string, number>();
  /** Rows that may or may not have become dead letters. */
  unansweredLetters = 0;
  /** Answers that nobody should ever get. */
  readonly complaints: string[] = [];

  claim(dataset: string, marks: readonly string[], claim: Claim): void {
    const claims = this.claims[dataset];
    // What was acknowledged once stays so, whatever became of a repetition.
    for (const mark of marks) if (claims?.get(mark) !== 'acknowledged') claims?.set(mark, claim);
  }

  complain(words: string): void {
    this.complaints.push(words);
  }
}
