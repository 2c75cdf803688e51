import { usage } from './arguments.ts';
import { clientOf } from './client.ts';
import { CLIENT_OPTIONS, type Command, JSON_OPTION } from './command.ts';
import type { Cell } from './table.ts';

type Row = Readonly<Record<string, Cell>>;

export const query: Command = {
  name: 'query',
  summary: 'Ask an endpoint.',
  arguments: [{ name: 'endpoint', description: 'its name, or its path when it has one of its own' }],
  options: {
    param: { type: 'string', short: 'p', value: 'name=value', multiple: true, description: 'A parameter.' },
    ...CLIENT_OPTIONS,
    json: JSON_OPTION,
  },
  examples: ['azud query delays_by_origin --param origin=LAS', 'azud query /getClient -p client_id=1'],
  async run(invocation, world) {
    const endpoint = invocation.arguments.endpoint ?? '';
    const path = endpoint.startsWith('/') ? endpoint : `/v1/endpoints/${encodeURIComponent(endpoint)}`;
    const answer = await clientOf(invocation, world).json<{ data?: readonly Row[] } | Row>(path, {
      query: pairsOf(invocation.lists.param ?? [], '--param'),
      signal: world.signal,
    });
    if (invocation.flags.has('json')) world.out.json(answer);
    else {
      const found = Array.isArray(answer.data) ? (answer.data as readonly Row[]) : [answer as Row];
      if (found.length === 0) world.out.say('no rows');
      else world.out.table(found);
    }
    return 0;
  },
};

/** `name=value` words, in their order. @throws AzudError `invalid-usage` */
export function pairsOf(words: readonly string[], option: string): readonly (readonly [string, string])[] {
  return words.map((word) => {
    const at = word.indexOf('=');
    if (at < 1) throw usage(`${option} takes name=value; got "${word}"`);
    return [word.slice(0, at), word.slice(at + 1)];
  });
}
