import { readFileSync } from 'node:fs';
import type { Command } from './command.ts';

export const version: Command = {
  name: 'version',
  summary: 'Print the version of Azud.',
  arguments: [],
  options: {},
  examples: ['azud version'],
  async run(_invocation, world) {
    // Two folders up both in src/cli and in dist/cli.
    const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
    world.out.data((JSON.parse(text) as { version: string }).version);
    return 0;
  },
};
