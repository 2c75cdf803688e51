import { wholeOf } from './arguments.ts';
import { clientOf } from './client.ts';
import { CLIENT_OPTIONS, type Command, JSON_OPTION } from './command.ts';
import { pairsOf } from './query.ts';
import type { Cell } from './table.ts';

interface Page {
  readonly data: readonly Readonly<Record<string, Cell>>[];
  readonly next: string | null;
}

export const rows: Command = {
  name: 'rows',
  summary: 'Show rows of a dataset, newest first.',
  arguments: [{ name: 'dataset', description: 'which dataset' }],
  options: {
    limit: { type: 'string', value: 'n', description: 'How many (20).' },
    order: { type: 'string', value: 'columns', description: 'By which columns, e.g. -date.' },
    select: { type: 'string', value: 'columns', description: 'Which columns, e.g. origin,delay.' },
    where: { type: 'string', value: 'column=op.value', multiple: true, description: 'A filter, e.g. delay=gt.60.' },
    cursor: { type: 'string', value: 'cursor', description: 'The next page, from the page before.' },
    ...CLIENT_OPTIONS,
    json: JSON_OPTION,
  },
  examples: ['azud rows flights --where origin=eq.LAS --where delay=gt.60 --order -delay --limit 5'],
  async run(invocation, world) {
    const { order, select, cursor } = invocation.values;
    const limit = wholeOf(invocation, 'limit') ?? '20';
    const dataset = encodeURIComponent(invocation.arguments.dataset ?? '');
    const page = await clientOf(invocation, world).json<Page>(`/v1/datasets/${dataset}/rows`, {
      query: [...Object.entries({ limit, order, select, cursor }), ...pairsOf(invocation.lists.where ?? [], '--where')],
      signal: world.signal,
    });
    if (invocation.flags.has('json')) world.out.json(page);
    else if (page.data.length === 0) world.out.say('no rows');
    else {
      const shown = Object.keys(page.data[0] ?? {}).filter((column) => select !== undefined || !column.startsWith('_'));
      world.out.table(page.data, shown);
      if (page.next !== null) world.out.say(world.out.faint(`more: --cursor ${page.next}`));
    }
    return 0;
  },
};
