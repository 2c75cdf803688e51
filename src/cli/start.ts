import { CONFIG_OPTIONS, type Command } from './command.ts';
import { configOf } from './configuration.ts';

export const start: Command = {
  name: 'start',
  summary: 'Run the system of azud.yaml until SIGTERM or SIGINT.',
  arguments: [],
  options: {
    ...CONFIG_OPTIONS,
    role: {
      type: 'string',
      value: 'role',
      multiple: true,
      choices: ['intake', 'loader', 'query', 'exporter', 'all'],
      description: 'Only this part: intake, loader, query, exporter; may be repeated.',
    },
    'allow-destructive': { type: 'boolean', description: 'Let a changed schema drop or retype columns.' },
  },
  settings: true,
  examples: ['azud start', 'azud start --config prd/azud.yaml --server.port 80'],
  async run(invocation, world) {
    const config = await configOf(invocation, world);
    const app = await import('../app/start.ts');
    return app.start({
      config,
      roles: (invocation.lists.role ?? []).flatMap((role) => role.split(',')),
      allowDestructive: invocation.flags.has('allow-destructive'),
      signal: world.signal,
      say: (line) => world.out.say(line),
    });
  },
};
