import { intakeP99s } from '../../test/support/runaway.ts';
import { type Case, ms } from '../case.ts';

const BOUND = 1.2;

export const runaway: Case = {
  name: 'runaway',
  about: "intake's 99th percentile beside a query that would run for ever, one client",
  async run({ quick }) {
    const { alone, together } = await intakeP99s({ rounds: quick ? 1 : 7, requests: quick ? 300 : 2_000 });
    const ratio = together / alone;
    return [
      {
        what: 'Durable single event, 99th percentile, beside a query that would run for ever',
        measured: ms(together),
        reference: `${ms(alone)}, without it`,
        ratio,
        target: `≤ ${BOUND.toFixed(2)}`,
        met: ratio <= BOUND,
      },
    ];
  },
};
