import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { messageOf } from '../error/azud-error.ts';
import { usage, wholeOf } from './arguments.ts';
import { clientOf } from './client.ts';
import {
  CLIENT_OPTIONS,
  type Command,
  type CommandOption,
  type Invocation,
  JSON_OPTION,
  type World,
} from './command.ts';
import type { Cell } from './table.ts';

type Letter = Readonly<Record<string, Cell>>;

const FILTER_OPTIONS = {
  dataset: { type: 'string', value: 'name', description: 'Only of this dataset.' },
  code: { type: 'string', value: 'code', description: 'Only of this code, e.g. schema_violation.' },
  since: { type: 'string', value: 'moment', description: 'Only later than this, ISO 8601.' },
} as const satisfies Record<string, CommandOption>;

const ID = { name: 'id', description: 'the dead letter' } as const;

const list: Command = {
  name: 'dead-letters list',
  summary: 'List events that could not be stored, with the reason.',
  arguments: [],
  options: {
    ...FILTER_OPTIONS,
    limit: { type: 'string', value: 'n', description: 'How many.' },
    cursor: { type: 'string', value: 'cursor', description: 'The next page, from the page before.' },
    ...CLIENT_OPTIONS,
    json: JSON_OPTION,
  },
  examples: ['azud dead-letters list --dataset flights --code schema_violation'],
  async run(invocation, world) {
    const { cursor } = invocation.values;
    const limit = wholeOf(invocation, 'limit');
    const page = await clientOf(invocation, world).json<{ data: readonly Letter[]; next: string | null }>(
      '/v1/dead-letters',
      { query: Object.entries({ ...filterOf(invocation), limit, cursor }), signal: world.signal },
    );
    if (invocation.flags.has('json')) world.out.json(page);
    else if (page.data.length === 0) world.out.say('no dead letters');
    else {
      world.out.table(page.data, ['id', 'dataset', 'row', 'code', 'message']);
      if (page.next !== null) world.out.say(world.out.faint(`more: --cursor ${page.next}`));
    }
    return 0;
  },
};

const show: Command = {
  name: 'dead-letters show',
  summary: 'Show one dead letter whole, its original bytes included.',
  arguments: [ID],
  options: { ...CLIENT_OPTIONS, json: JSON_OPTION },
  examples: ['azud dead-letters show 3f0c…'],
  async run(invocation, world) {
    const letter = await clientOf(invocation, world).json<Letter>(letterPath(invocation), { signal: world.signal });
    if (invocation.flags.has('json')) world.out.json(letter);
    else world.out.table(Object.entries(letter).map(([field, value]) => ({ field, value })));
    return 0;
  },
};

const replay: Command = {
  name: 'dead-letters replay',
  summary: 'Send a dead letter again, corrected or not; without an id all that match the filter.',
  arguments: [{ ...ID, optional: true }],
  options: {
    event: { type: 'string', value: 'json or @file', description: 'The corrected event, for one id.' },
    patch: { type: 'string', value: 'json or @file', description: 'RFC 6902 patch for each event of the filter.' },
    'dry-run': { type: 'boolean', description: 'Only say how many would pass now.' },
    ...FILTER_OPTIONS,
    ...CLIENT_OPTIONS,
    json: JSON_OPTION,
  },
  examples: [
    `azud dead-letters replay 3f0c… --event @corrected.json`,
    `azud dead-letters replay --dataset flights --patch '[{"op":"replace","path":"/delay","value":0}]' --dry-run`,
  ],
  async run(invocation, world) {
    const one = invocation.arguments.id !== undefined;
    if (one && (invocation.values.patch !== undefined || invocation.flags.has('dry-run'))) {
      throw usage('--patch and --dry-run go with a filter; for one id give --event');
    }
    if (!one && invocation.values.event !== undefined) throw usage('--event needs the id of one dead letter');
    if (!one) requireFilter(invocation);
    const event = jsonOption(invocation, 'event', world);
    const patch = jsonOption(invocation, 'patch', world);
    const answer = one
      ? await post(`${letterPath(invocation)}/replay`, event === undefined ? {} : { event }, { invocation, world })
      : await post(
          '/v1/dead-letters/replay',
          {
            filter: filterOf(invocation),
            dry_run: invocation.flags.has('dry-run'),
            ...(patch !== undefined && { patch }),
          },
          { invocation, world },
        );
    return printed(answer, { invocation, world });
  },
};

const discard: Command = {
  name: 'dead-letters discard',
  summary: 'Close dead letters for good, with a reason; without an id all that match the filter.',
  arguments: [{ ...ID, optional: true }],
  options: {
    reason: { type: 'string', value: 'text', description: 'Why; kept for the audit.' },
    ...FILTER_OPTIONS,
    ...CLIENT_OPTIONS,
    json: JSON_OPTION,
  },
  examples: ['azud dead-letters discard 3f0c… --reason "test data"'],
  async run(invocation, world) {
    const { reason } = invocation.values;
    const { id } = invocation.arguments;
    if (reason === undefined) throw usage('azud dead-letters discard needs --reason: why they are closed');
    if (id === undefined) requireFilter(invocation);
    const which = id === undefined ? { filter: filterOf(invocation) } : { ids: [id] };
    return printed(await post('/v1/dead-letters/discard', { ...which, reason }, { invocation, world }), {
      invocation,
      world,
    });
  },
};

export const deadLetters: readonly Command[] = [list, show, replay, discard];

interface Call {
  readonly invocation: Invocation;
  readonly world: World;
}

function post(path: string, body: object, { invocation, world }: Call): Promise<Letter> {
  return clientOf(invocation, world).json<Letter>(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: world.signal,
  });
}

function printed(answer: Letter, { invocation, world }: Call): number {
  if (invocation.flags.has('json')) world.out.json(answer);
  else world.out.table([answer]);
  return 0;
}

function letterPath({ arguments: { id = '' } }: Invocation): string {
  return `/v1/dead-letters/${encodeURIComponent(id)}`;
}

function filterOf({ values }: Invocation): Record<string, string> {
  return Object.fromEntries(
    Object.keys(FILTER_OPTIONS).flatMap((name) => (values[name] === undefined ? [] : [[name, values[name]]])),
  );
}

/** Everything at once is seldom meant: a filter of `--since 1970-01-01` says it on purpose. */
function requireFilter(invocation: Invocation): void {
  if (Object.keys(filterOf(invocation)).length === 0)
    throw usage('give an id, or a filter: --dataset, --code or --since');
}

/** JSON in the option itself, or in the file behind an `@`. */
function jsonOption({ values }: Invocation, name: string, { folder }: World): unknown {
  const text = values[name];
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text.startsWith('@') ? readFileSync(resolve(folder, text.slice(1)), 'utf8') : text) as unknown;
  } catch (error) {
    throw usage(`--${name} takes JSON, or @file with JSON: ${messageOf(error)}`);
  }
}
