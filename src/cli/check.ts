import type { Trial } from '../app/connect.ts';
import type { Config } from '../config/config.ts';
import { isAzudError, messageOf, type RowError } from '../error/azud-error.ts';
import { CATALOGUE } from '../error/catalogue.ts';
import { CONFIG_OPTIONS, type Command, JSON_OPTION, type World } from './command.ts';
import { configOf } from './configuration.ts';

interface Finding {
  readonly ok: boolean;
  readonly what: string;
  readonly detail: string;
  /** Of a mistake in a file: its line, from 1, and the JSON Pointer of the setting. */
  readonly line?: number;
  readonly path?: string;
}

export const check: Command = {
  name: 'check',
  summary: 'Check azud.yaml as a whole; with --connect open the broker, the store and the cache too.',
  arguments: [],
  options: {
    ...CONFIG_OPTIONS,
    connect: { type: 'boolean', description: 'Open the broker, the store and the cache, and fit the tables.' },
    'allow-destructive': {
      type: 'boolean',
      description: 'Show what a start with --allow-destructive would drop, and do not call it wrong.',
    },
    schema: { type: 'boolean', description: 'Print the JSON Schema of azud.yaml, for editors.' },
    json: JSON_OPTION,
  },
  settings: true,
  examples: ['azud check', 'azud check --connect', 'azud check --schema > azud.schema.json'],
  async run(invocation, world) {
    if (invocation.flags.has('schema')) {
      const { configJsonSchema } = await import('../config/json-schema.ts');
      world.out.json(configJsonSchema());
      return 0;
    }
    const json = invocation.flags.has('json');
    const findings: Finding[] = [];
    const tell = (finding: Finding) => {
      findings.push(finding);
      if (!json) world.out.data(line(finding, world));
    };
    const exit = await examine({
      tell,
      load: () => configOf(invocation, world),
      connect: invocation.flags.has('connect'),
      allowDestructive: invocation.flags.has('allow-destructive'),
    });
    if (json) world.out.json({ ok: exit === 0, findings });
    return exit;
  },
};

interface Examination {
  readonly tell: (finding: Finding) => void;
  readonly load: () => Promise<Config>;
  readonly connect: boolean;
  readonly allowDestructive: boolean;
}

async function examine({ tell, load, connect, allowDestructive }: Examination): Promise<number> {
  let config: Config;
  try {
    config = await load();
  } catch (error) {
    if (!isAzudError(error)) throw error;
    const wrong = { ok: false, what: 'configuration' } as const;
    if (error.errors.length === 0) tell({ ...wrong, detail: error.message });
    for (const { row, path, message } of error.errors) {
      tell({ ...wrong, detail: message, path, ...(row !== undefined && { line: row }) });
    }
    return error.entry.exit;
  }
  for (const finding of plan(config)) tell(finding);
  const { tryParts, tryQueries } = await import('../app/connect.ts');
  if (connect) return trying(tryParts(config), { tell, allowDestructive });
  const exit = await trying(tryQueries(config), { tell, allowDestructive });
  const { destructiveChanges } = await import('../app/table-shapes.ts');
  const changes = await destructiveChanges(config);
  if (changes.length === 0) return exit;
  tellChanges(changes, { tell, allowDestructive });
  return exit || (allowDestructive ? 0 : CATALOGUE['destructive-change'].exit);
}

type Telling = Pick<Examination, 'tell' | 'allowDestructive'>;

function tellChanges(changes: readonly RowError[], { tell, allowDestructive }: Telling): void {
  const hint = allowDestructive ? '' : `. ${CATALOGUE['destructive-change'].hint}`;
  for (const { path, message } of changes) {
    tell({ ok: allowDestructive, what: `dataset ${path.split('/')[2]}`, detail: `${message}${hint}`, path });
  }
}

/** One line a part. @returns the exit code of the first that fails */
async function trying(trials: AsyncIterable<Trial>, telling: Telling): Promise<number> {
  const { tell, allowDestructive } = telling;
  let exit = 0;
  for await (const { what, error, detail } of trials) {
    if (error === null) {
      tell({ ok: true, what, detail });
      continue;
    }
    if (isAzudError(error, 'destructive-change')) {
      tellChanges(error.errors, telling);
      if (!allowDestructive) exit ||= error.entry.exit;
      continue;
    }
    const path = isAzudError(error) ? error.path : undefined;
    tell({ ok: false, what, detail: withHint(error), ...(path && { path }) });
    const differences = isAzudError(error) ? error.errors : [];
    for (const { message } of differences) tell({ ok: false, what, detail: message });
    exit ||= isAzudError(error) ? error.entry.exit : 1;
  }
  return exit;
}

/** Some messages say already what to do. */
function withHint(error: unknown): string {
  const message = messageOf(error);
  if (!isAzudError(error) || message.includes(error.hint)) return message;
  return `${message.replace(/\.$/, '')}. ${error.hint}`;
}

function plan(config: Config): Finding[] {
  const ok = (what: string, detail: string): Finding => ({ ok: true, what, detail });
  return [
    ok('configuration', config.file),
    ...config.warnings.map((warning) => ok('warning', warning)),
    ...[...config.datasets.values()].map(({ name, mode, columns, key, eventId }) =>
      ok(
        `dataset ${name}`,
        [
          mode,
          ...(key === null ? [] : [`key ${key}`]),
          ...(eventId === null ? [] : [`event id ${eventId}`]),
          columns.map((column) => `${column.name} ${column.type}`).join(', '),
        ].join(' · '),
      ),
    ),
    ...config.routes.map(({ path, dataset }) => ok(`route ${path}`, `POST, to ${dataset}`)),
  ];
}

function line({ ok, what, detail }: Finding, { out }: World): string {
  return `${out.verdict(ok)}  ${what.padEnd(24)}  ${detail}`;
}
