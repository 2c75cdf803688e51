import type { Command } from './command.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** A script that completes commands, options and the words they take. */
export function shellScript(shell: Shell, commands: readonly Command[]): string {
  switch (shell) {
    case 'bash':
      return bash(commands);
    case 'zsh':
      // zsh runs bash's completions as they are.
      return `#compdef azud\nautoload -U +X bashcompinit && bashcompinit\n${bash(commands)}`;
    case 'fish':
      return fish(commands);
  }
}

function bash(commands: readonly Command[]): string {
  const line = ([name, words]: readonly [string, readonly string[]]) =>
    `      '${name}') words='${words.join(' ')}' ;;`;
  const [pairs, singles] = [true, false].map((pair) =>
    commands
      .filter(({ name }) => name.includes(' ') === pair)
      .map((command) => [command.name, wordsOf(command)] as const),
  );
  return [
    '_azud() {',
    '  local current="$' + '{COMP_WORDS[COMP_CWORD]}" words=""',
    '  local first="$' + '{COMP_WORDS[1]}" second="$' + '{COMP_WORDS[2]}"',
    '  if [ "$COMP_CWORD" -eq 1 ]; then',
    `    words='${firstWords(commands).join(' ')}'`,
    '  else',
    '    case "$first" in',
    ...[...(singles ?? []), ...groupsOf(commands)].map(line),
    '    esac',
    '    if [ "$COMP_CWORD" -gt 2 ]; then case "$first $second" in',
    ...(pairs ?? []).map(line),
    '    esac; fi',
    '  fi',
    '  COMPREPLY=($(compgen -W "$words" -- "$current"))',
    '}',
    'complete -o default -F _azud azud',
    '',
  ].join('\n');
}

function fish(commands: readonly Command[]): string {
  const line = (condition: string, rest: string) => `complete -c azud -n '${condition}' ${rest}`;
  return [
    ...firstWords(commands).map((word) => line('__fish_use_subcommand', `-f -a ${word}`)),
    ...groupsOf(commands).map(([group, words]) =>
      line(`__fish_seen_subcommand_from ${group}`, `-f -a '${words.join(' ')}'`),
    ),
    ...commands.flatMap((command) => {
      const condition = command.name
        .split(' ')
        .map((word) => `__fish_seen_subcommand_from ${word}`)
        .join('; and ');
      return Object.entries(command.options).map(([name, { type, description, choices }]) => {
        const value = type === 'string' ? ` -r${choices ? ` -f -a '${choices.join(' ')}'` : ''}` : '';
        return line(condition, `-l ${name}${value} -d '${description.replaceAll("'", "\\'")}'`);
      });
    }),
    '',
  ].join('\n');
}

function wordsOf({ options, arguments: its }: Command): string[] {
  return [...Object.keys(options).map((name) => `--${name}`), '--help', ...its.flatMap(({ choices }) => choices ?? [])];
}

function firstWords(commands: readonly Command[]): string[] {
  return [...new Set(commands.map(({ name }) => name.split(' ')[0] ?? ''))];
}

/** `dead-letters` → list, show … */
function groupsOf(commands: readonly Command[]): [string, string[]][] {
  const groups = Map.groupBy(
    commands.filter(({ name }) => name.includes(' ')),
    ({ name }) => name.split(' ')[0] ?? '',
  );
  return [...groups].map(([group, members]) => [group, members.map(({ name }) => name.split(' ')[1] ?? '')]);
}
