import { parseArgs } from 'node:util';
import { AzudError } from '../error/azud-error.ts';
import { didYouMean } from '../lib/nearest.ts';
import type { Command, CommandOption, Invocation } from './command.ts';

/** The command that the first words name, and the words after them. @throws AzudError `invalid-usage` */
export function findCommand(
  argv: readonly string[],
  commands: readonly Command[],
): { readonly command: Command; readonly rest: readonly string[] } {
  const [first = '', second = ''] = argv;
  for (const [name, words] of [
    [`${first} ${second}`, 2],
    [first, 1],
  ] as const) {
    const command = commands.find((candidate) => candidate.name === name);
    if (command) return { command, rest: argv.slice(words) };
  }
  const group = commands.filter(({ name }) => name.startsWith(`${first} `)).map(({ name }) => name.split(' ')[1] ?? '');
  if (group.length > 0) {
    const came = second === '' || second.startsWith('-') ? 'nothing' : `"${second}"`;
    throw usage(`azud ${first} takes ${group.join(', ')}; got ${came}${didYouMean(second, group)}`);
  }
  const words = new Set(commands.map(({ name }) => name.split(' ')[0] ?? ''));
  throw usage(`there is no command "${first}"${didYouMean(first, words)}`);
}

/** The commands below a first word, when nothing but help is asked of it: `azud dead-letters --help`. */
export function groupAskedFor(
  [first = '', second]: readonly string[],
  commands: readonly Command[],
): readonly Command[] {
  if (second !== '--help' && second !== '-h') return [];
  return commands.filter(({ name }) => name.startsWith(`${first} `));
}

/** @throws AzudError `invalid-usage` for an unknown option, a missing or extra argument, a value that is none of its choices */
export function parseInvocation(command: Command, argv: readonly string[]): Invocation {
  const settings = settingFlags(command, argv);
  const options: Record<string, CommandOption> = { ...command.options, ...settings };
  refuseUnknown(command, options, argv);
  const { values, positionals } = parsed(command, options, argv);
  checkChoices(command, values);
  return {
    arguments: namedArguments(command, positionals),
    values: pick(values, (value) => (typeof value === 'string' ? value : undefined), Object.keys(settings)),
    lists: pick(values, (value) => (Array.isArray(value) ? value.map(String) : undefined)),
    flags: new Set(Object.keys(values).filter((name) => values[name] === true)),
    settings: Object.fromEntries(
      Object.keys(settings).flatMap((name) => (typeof values[name] === 'string' ? [[name, values[name]]] : [])),
    ),
  };
}

type Values = Record<string, string | boolean | (string | boolean)[] | undefined>;

function parsed(command: Command, options: Record<string, CommandOption>, argv: readonly string[]) {
  try {
    return parseArgs({
      args: withDashedValues(options, argv),
      allowPositionals: true,
      options: Object.fromEntries(
        Object.entries(options).map(([name, { type, short, multiple }]) => [
          name,
          { type, ...(short !== undefined && { short }), ...(multiple !== undefined && { multiple }) },
        ]),
      ),
    });
  } catch (error) {
    throw usage(`azud ${command.name}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** `--order -date` means `--order=-date`: a value may begin with one dash where no short option is meant. */
function withDashedValues(options: Record<string, CommandOption>, argv: readonly string[]): string[] {
  const shorts = new Set(Object.values(options).map(({ short }) => `-${short}`));
  const words: string[] = [];
  for (const word of argv) {
    const last = words.at(-1) ?? '';
    const dashed = /^-[^-]/.test(word) && !shorts.has(word);
    if (dashed && last.startsWith('--') && options[last.slice(2)]?.type === 'string')
      words[words.length - 1] = `${last}=${word}`;
    else words.push(word);
  }
  return words;
}

/** `--server.port` and other dotted flags: which settings exist is for the configuration to say. */
function settingFlags(command: Command, argv: readonly string[]): Record<string, CommandOption> {
  if (!command.settings) return {};
  return Object.fromEntries(
    beforeTerminator(argv).flatMap((word) => {
      const name = /^--([a-z_]+(?:\.[A-Za-z0-9_-]+)+)(?:=|$)/.exec(word)?.[1];
      return name === undefined ? [] : [[name, { type: 'string' as const, description: '' }]];
    }),
  );
}

function refuseUnknown(command: Command, options: Record<string, CommandOption>, argv: readonly string[]): void {
  for (const word of beforeTerminator(argv)) {
    const name = /^--([^=]+)/.exec(word)?.[1];
    if (name === undefined || Object.hasOwn(options, name)) continue;
    const hint = didYouMean(name, Object.keys(options)).replace('mean "', 'mean "--');
    throw usage(`azud ${command.name} has no option --${name}${hint}`);
  }
}

function beforeTerminator(argv: readonly string[]): readonly string[] {
  const end = argv.indexOf('--');
  return end < 0 ? argv : argv.slice(0, end);
}

function checkChoices(command: Command, values: Values): void {
  for (const [name, { choices }] of Object.entries(command.options)) {
    const value = values[name];
    if (!choices || typeof value !== 'string' || value.split(',').every((word) => choices.includes(word))) continue;
    throw usage(`--${name} takes ${choices.join(', ')}; got "${value}"${didYouMean(value, choices)}`);
  }
}

function namedArguments(command: Command, positionals: readonly string[]): Record<string, string> {
  const extra = positionals[command.arguments.length];
  if (extra !== undefined) throw usage(`azud ${command.name} does not take "${extra}"`);
  return Object.fromEntries(
    command.arguments.flatMap(({ name, description, optional, choices }, at) => {
      const word = positionals[at];
      if (word === undefined && optional) return [];
      if (word === undefined) throw usage(`azud ${command.name} needs <${name}>: ${description}`);
      if (choices && !choices.includes(word)) {
        throw usage(`<${name}> is one of ${choices.join(', ')}; got "${word}"${didYouMean(word, choices)}`);
      }
      return [[name, word]];
    }),
  );
}

function pick<T>(
  values: Values,
  select: (value: Values[string]) => T | undefined,
  without: readonly string[] = [],
): Record<string, T> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => {
      const selected = without.includes(name) ? undefined : select(value);
      return selected === undefined ? [] : [[name, selected]];
    }),
  );
}

/** An option that takes a whole number, as its text. @throws AzudError `invalid-usage` */
export function wholeOf({ values }: Invocation, option: string): string | undefined {
  const text = values[option];
  if (text !== undefined && !/^\d{1,9}$/.test(text)) throw usage(`--${option} takes a whole number; got "${text}"`);
  return text;
}

export function usage(message: string): AzudError {
  return new AzudError('invalid-usage', message);
}
