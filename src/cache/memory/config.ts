import { duration } from '../../lib/setting.ts';

/** Settings of `cache: { kind: memory }`. */
export const MEMORY_SETTINGS = {
  transactions: duration({
    description:
      'How long a transaction is remembered for its receipt until it is stored, with a broker that cannot find it.',
    default: '15m',
  }),
};
