import type { Receipt } from '../event/outcome.ts';
import { clientOf } from './client.ts';
import { CLIENT_OPTIONS, type Command, JSON_OPTION } from './command.ts';

export const status: Command = {
  name: 'status',
  summary: 'Show what became of a transaction.',
  arguments: [{ name: 'transaction_id', description: 'from the answer to the POST' }],
  options: { ...CLIENT_OPTIONS, json: JSON_OPTION },
  examples: ['azud status 0199c0de-1234-7abc-8def-0123456789ab'],
  async run(invocation, world) {
    const id = encodeURIComponent(invocation.arguments.transaction_id ?? '');
    const receipt = await clientOf(invocation, world).json<Receipt>(`/v1/transactions/${id}`, { signal: world.signal });
    if (invocation.flags.has('json')) world.out.json(receipt);
    else {
      const { dataset, state, received_at, counts } = receipt;
      world.out.table([{ dataset, state, received_at, ...counts }]);
      if (receipt.dead_letters.length > 0) {
        world.out.data('');
        world.out.table(receipt.dead_letters.map((letter) => ({ ...letter })));
      }
    }
    return 0;
  },
};
