import { isAzudError, messageOf } from '../error/azud-error.ts';
import { findCommand, groupAskedFor, parseInvocation } from './arguments.ts';
import type { World } from './command.ts';
import { COMMANDS } from './commands.ts';
import { commandHelp, groupHelp, overview } from './help.ts';

const HELP = new Set(['--help', '-h', 'help']);
const VERSION = new Set(['--version', '-V']);

/** Runs a command line. @returns the exit code: 0 done, 1 failed, 2 usage or configuration, 69, 74, 75 as in the catalogue */
export async function runCli(argv: readonly string[], world: World): Promise<number> {
  try {
    return await dispatch(argv, world);
  } catch (error) {
    return sayError(error, world);
  }
}

function dispatch(argv: readonly string[], world: World): Promise<number> {
  const [first = '--help'] = argv;
  const words = VERSION.has(first)
    ? ['version']
    : first === 'help' && argv.length > 1
      ? [...argv.slice(1), '-h']
      : argv;
  if (words.length === 0 || (HELP.has(first) && words === argv)) {
    world.out.data(overview(COMMANDS));
    return Promise.resolve(argv.length === 0 ? 2 : 0);
  }
  const group = groupAskedFor(words, COMMANDS);
  if (group.length > 0) {
    world.out.data(groupHelp(group));
    return Promise.resolve(0);
  }
  const { command, rest } = findCommand(words, COMMANDS);
  if (rest.some((word) => word === '--help' || word === '-h')) {
    world.out.data(commandHelp(command));
    return Promise.resolve(0);
  }
  return command.run(parseInvocation(command, rest), world);
}

function sayError(error: unknown, { out }: World): number {
  if (!isAzudError(error)) {
    // A stack is of use to whoever mends Azud, and this is always a fault of Azud.
    out.say(out.bad(`azud: ${error instanceof Error ? (error.stack ?? error.message) : messageOf(error)}`));
    return 1;
  }
  out.say(out.bad(`azud: ${error.message}`));
  const listed = error.code === 'invalid-config' || error.code === 'unsafe-setting';
  if (!listed) {
    for (const { row, path, message } of error.errors.filter((one) => !error.message.endsWith(one.message))) {
      out.say(`  ${row === undefined ? '' : `row ${row}: `}${message.startsWith(path) ? '' : `${path} `}${message}`);
    }
  }
  if (!error.message.includes(error.hint)) out.say(error.hint);
  return error.entry.exit;
}
