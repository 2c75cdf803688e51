import type { Command } from './command.ts';
import { SHELLS, type Shell, shellScript } from './completion-scripts.ts';

/** Knows the other commands, so it is made with them. */
export function completionCommand(others: () => readonly Command[]): Command {
  return {
    name: 'completion',
    summary: 'Print a completion script for a shell.',
    arguments: [{ name: 'shell', description: SHELLS.join(', '), choices: SHELLS }],
    options: {},
    examples: ['azud completion bash > ~/.local/share/bash-completion/completions/azud'],
    async run(invocation, world) {
      world.out.data(shellScript(invocation.arguments.shell as Shell, others()));
      return 0;
    },
  };
}
