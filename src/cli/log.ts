import { basename } from 'node:path';
import type { Adoption, Damage } from '../app/log-repair.ts';
import { CONFIG_OPTIONS, type Command, JSON_OPTION, type World } from './command.ts';
import { configOf } from './configuration.ts';

const options = {
  ...CONFIG_OPTIONS,
  confirm: { type: 'boolean', description: 'Do it; without it is only shown.' },
  json: JSON_OPTION,
} as const;

const adopt: Command = {
  name: 'log adopt',
  summary:
    'Let the database go on with a log that is not the one it has read, as after a restore of the one without the other. Azud must be stopped.',
  arguments: [],
  options,
  settings: true,
  examples: ['azud log adopt', 'azud log adopt --confirm'],
  async run(invocation, world) {
    const config = await configOf(invocation, world);
    const { adoptLog } = await import('../app/log-repair.ts');
    const confirmed = invocation.flags.has('confirm');
    const adoption = await adoptLog({ config, confirmed, say: (line) => world.out.say(line) });
    if (invocation.flags.has('json')) world.out.json({ adopted: adoption !== null && confirmed, adoption });
    else if (adoption) tell(adoption, confirmed, world);
    else world.out.say('the database fits the log: there is nothing to adopt');
    return 0;
  },
};

const skip: Command = {
  name: 'log skip',
  summary:
    'Let reading go on behind damaged records of the log, whose events become dead letters. Azud must be stopped. A whole copy of the segment is the better remedy.',
  arguments: [],
  options,
  settings: true,
  examples: ['azud log skip', 'azud log skip --confirm'],
  async run(invocation, world) {
    const config = await configOf(invocation, world);
    const { skipDamage } = await import('../app/log-repair.ts');
    const confirmed = invocation.flags.has('confirm');
    const damages = await skipDamage({ config, confirmed });
    if (invocation.flags.has('json')) {
      const plain = damages.map(({ lost, ...damage }) => ({ ...damage, lost: Object.fromEntries(lost) }));
      world.out.json({ skipped: confirmed && damages.length > 0, damages: plain });
    } else if (damages.length > 0) tellDamage(damages, confirmed, world);
    else world.out.say('the log is whole: there is nothing to skip');
    return 0;
  },
};

export const log: readonly Command[] = [adopt, skip];

function tellDamage(damages: readonly Damage[], confirmed: boolean, { out }: World): void {
  const rows = damages.flatMap(({ file, places }) => places.map((place) => ({ file: basename(file), ...place })));
  out.table(rows, ['file', 'byte', 'bytes', 'first', 'records']);
  for (const { file, kept, lost, untold } of damages) {
    const told = [...lost].map(([dataset, count]) => `${count} of ${dataset}`);
    const events =
      [...told, ...(untold > 0 ? [`those of ${untold} records that nothing tells of`] : [])].join(', ') || 'none';
    out.say(`${basename(file)}: events lost: ${events}${confirmed ? `; its bytes are kept in ${kept}` : ''}`);
  }
  if (confirmed) out.say('reading goes on behind it; each event lost is a dead letter once it is loaded');
  else out.say('with --confirm reading goes on behind it; nothing was changed');
}

function tell({ reason, shared, datasets }: Adoption, confirmed: boolean, { out }: World): void {
  const after = shared[0]?.offset ?? 0;
  out.say(reason);
  out.table(
    datasets.map((sums) => ({ ...sums })),
    ['dataset', 'to_load', 'only_in_store'],
  );
  if (confirmed) out.say(`the database goes on after ${after}: what the log has behind it is loaded at the next start`);
  else out.say(`with --confirm the database goes on after ${after}; nothing was changed`);
}
