import { isAzudError } from '../../src/error/azud-error.ts';
import { DEAD_LETTERS } from '../../src/store/tables.ts';
import type { Chance } from './chance.ts';
import type { History } from './history.ts';
import { numberOf } from './history.ts';
import type { Machine } from './machine.ts';
import type { Scheduler } from './scheduler.ts';

export interface OperatorOptions {
  readonly machine: Machine;
  readonly scheduler: Scheduler;
  readonly history: History;
  readonly chance: Chance;
}

const SIGNAL = new AbortController().signal;

/** Looks at the sums at any moment, asks for receipts, and replays and discards dead letters. */
export class Operator {
  readonly #options: OperatorOptions;

  constructor(options: OperatorOptions) {
    this.#options = options;
  }

  async run(): Promise<void> {
    const { chance, scheduler, history } = this.#options;
    for (let left = chance.between(2, 12); left > 0; left -= 1) {
      await scheduler.sleep(chance.below(60));
      try {
        await this.#act();
      } catch (error) {
        if (!isAzudError(error) || error.code === 'internal')
          history.wrong(`a read answered ${(error as Error).stack}`);
      }
    }
  }

  #act(): Promise<void> {
    const { chance } = this.#options;
    const action = chance.next();
    if (action < 0.35) return this.#sums();
    if (action < 0.6) return this.#receipt();
    return action < 0.9 ? this.#replay() : this.#discard();
  }

  /** At every moment, under load. */
  async #sums(): Promise<void> {
    const { machine, history } = this.#options;
    const report = await machine.conservation.report();
    if (!report.balanced) history.wrong(`the sums do not balance: ${JSON.stringify(report.datasets)}`);
  }

  /** Whatever was acknowledged is known from then on. */
  async #receipt(): Promise<void> {
    const { machine, history, chance } = this.#options;
    const acked = [...history.batches.values()].filter((batch) => batch.acked && batch.discards.length === 0);
    if (acked.length === 0) return;
    const { transactionId } = chance.pick(acked);
    const receipt = await machine.receipts.of(transactionId, { signal: SIGNAL }).catch((error: unknown) => {
      if (isAzudError(error, 'transaction-not-found')) history.wrong(`${error.message} was acknowledged`);
      throw error;
    });
    const { accepted, stored, duplicate, dead, queued } = receipt.counts;
    if (accepted !== stored + duplicate + dead + queued) history.wrong(`receipt: ${JSON.stringify(receipt.counts)}`);
  }

  async #replay(): Promise<void> {
    const { machine, chance } = this.#options;
    const letter = await this.#anyLetter();
    // What a damaged record held nobody knows, the operator neither.
    if (!letter || letter.n === null) return;
    const event = { n: letter.n, kind: 'mended', text: '' };
    const body = chance.happens(0.7) ? Buffer.from(JSON.stringify({ event })) : Buffer.alloc(0);
    await machine.letters.replay(letter.id, body, { actor: 'operator', signal: SIGNAL });
  }

  async #discard(): Promise<void> {
    const { machine } = this.#options;
    const letter = await this.#anyLetter();
    if (!letter) return;
    const body = Buffer.from(JSON.stringify({ ids: [letter.id], reason: 'of no use' }));
    await machine.letters.discard(body, { actor: 'operator', signal: SIGNAL });
  }

  async #anyLetter(): Promise<FoundLetter | null> {
    const { machine, chance } = this.#options;
    const letters = await lettersOf(machine);
    if (letters.length === 0) return null;
    return chance.pick(letters);
  }
}

export interface FoundLetter {
  readonly id: string;
  /** Null: its bytes are lost with a damaged record of the log. */
  readonly n: number | null;
  readonly state: string;
}

/** Every dead letter of the store, by its id. */
export async function lettersOf({ store }: Machine): Promise<readonly FoundLetter[]> {
  const { columns } = DEAD_LETTERS;
  const stream = await store.rows(
    {
      table: DEAD_LETTERS.name,
      select: columns,
      where: [],
      order: [{ column: 'id', descending: false }],
      after: null,
      limit: 1e9,
    },
    { timeoutMs: 1e9, rowsMax: 1e9, signal: SIGNAL },
  );
  const at = (name: string) => columns.findIndex((column) => column.name === name);
  const [id, original, state, code] = [at('id'), at('original'), at('state'), at('code')];
  const found: FoundLetter[] = [];
  for await (const rows of stream.chunks) {
    for (const row of rows) {
      const n = row[code] === 'log_damaged' ? null : numberOf(Buffer.from(String(row[original]), 'base64'));
      found.push({ id: String(row[id]), n, state: String(row[state]) });
    }
  }
  return found;
}
