import { CONFIG_OPTIONS, type Command, JSON_OPTION, type World } from './command.ts';
import { configOf } from './configuration.ts';

const EXITS = 'Exit code 0: everything is there; 1: something is missing, or differs from what Azud makes.';

const options = { ...CONFIG_OPTIONS, json: JSON_OPTION };

const plan: Command = {
  name: 'topology plan',
  summary: `Show what the broker needs on its server, and what of it is there. ${EXITS}`,
  arguments: [],
  options,
  settings: true,
  examples: ['azud topology plan', 'azud topology plan --json'],
  async run(invocation, world) {
    const config = await configOf(invocation, world);
    const { brokerPlan } = await import('../app/topology.ts');
    const parts = await brokerPlan(config);
    if (invocation.flags.has('json')) world.out.json({ broker: config.broker.kind, parts });
    else print(parts, config.broker.kind, world);
    return exitOf(parts);
  },
};

const apply: Command = {
  name: 'topology apply',
  summary: `Make what the broker lacks on its server; what is there stays as it is. ${EXITS}`,
  arguments: [],
  options,
  settings: true,
  examples: ['azud topology apply'],
  async run(invocation, world) {
    const config = await configOf(invocation, world);
    const { brokerApply } = await import('../app/topology.ts');
    const { made, parts } = await brokerApply(config);
    if (invocation.flags.has('json')) world.out.json({ broker: config.broker.kind, made, parts });
    else {
      print(
        parts.map((part) => (made.includes(part) ? { ...part, state: 'made' } : part)),
        config.broker.kind,
        world,
      );
    }
    return exitOf(parts);
  },
};

export const topology: readonly Command[] = [plan, apply];

/** A part, as it is or as it was just made. */
type Line = { readonly what: string; readonly state: string; readonly detail: string };

function print(lines: readonly Line[], kind: string, { out }: World): void {
  if (lines.length === 0) out.say(`the broker ${kind} is embedded: it needs nothing on a server`);
  else out.table(lines, ['what', 'state', 'detail']);
}

function exitOf(parts: readonly Pick<Line, 'state'>[]): number {
  return parts.every(({ state }) => state === 'exists') ? 0 : 1;
}
