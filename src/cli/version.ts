import { readFileSync } from 'node:fs';
import { type Command, JSON_OPTION } from './command.ts';

export const version: Command = {
  name: 'version',
  summary: 'Print the version of Azud.',
  arguments: [],
  options: { json: JSON_OPTION },
  examples: ['azud version'],
  async run(invocation, world) {
    // Two folders up both in src/cli and in dist/cli.
    const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
    const { version: current } = JSON.parse(text) as { version: string };
    if (invocation.flags.has('json')) world.out.json({ version: current, node: process.versions.node });
    else world.out.data(current);
    return 0;
  },
};
