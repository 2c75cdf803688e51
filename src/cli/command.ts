import type { Environment } from '../config/environment.ts';
import type { Clock } from '../lib/clock.ts';
import type { Output } from './output.ts';

/** What a command line may touch: everything outside comes in here, so that tests own it. */
export interface World {
  readonly env: Environment;
  /** Absolute. */
  readonly folder: string;
  readonly stdin: NodeJS.ReadableStream;
  readonly out: Output;
  readonly clock: Clock;
  /** Aborts on SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
}

export interface CommandOption {
  readonly type: 'string' | 'boolean';
  readonly description: string;
  /** Name of the value in the help, e.g. `file`. */
  readonly value?: string;
  readonly short?: string;
  readonly multiple?: boolean;
  /** The words it may be, for completion and for the check. */
  readonly choices?: readonly string[];
}

export interface CommandArgument {
  readonly name: string;
  readonly description: string;
  readonly optional?: boolean;
  readonly choices?: readonly string[];
}

/** The declaration from which parser, help, completion and docs/reference/cli.md are made. */
export interface Command {
  /** One word, or two: `dead-letters list`. */
  readonly name: string;
  readonly summary: string;
  readonly arguments: readonly CommandArgument[];
  readonly options: Readonly<Record<string, CommandOption>>;
  /** Takes `--server.port 9000` and the like. */
  readonly settings?: boolean;
  readonly examples: readonly string[];
  /** @returns the exit code */
  run(invocation: Invocation, world: World): Promise<number>;
}

/** A command line, parsed. */
export interface Invocation {
  readonly arguments: Readonly<Record<string, string>>;
  readonly values: Readonly<Record<string, string>>;
  readonly lists: Readonly<Record<string, readonly string[]>>;
  readonly flags: ReadonlySet<string>;
  /** Settings by dotted path. */
  readonly settings: Readonly<Record<string, string>>;
}

export const JSON_OPTION: CommandOption = { type: 'boolean', description: 'Print JSON instead of a table.' };

export const CLIENT_OPTIONS = {
  url: { type: 'string', value: 'url', description: 'Server address (AZUD_URL, else http://127.0.0.1:8080).' },
  token: { type: 'string', value: 'token', description: 'Token (AZUD_TOKEN); better give --token-file.' },
  'token-file': { type: 'string', value: 'file', description: 'File that holds the token (AZUD_TOKEN_FILE).' },
} as const satisfies Record<string, CommandOption>;

export const CONFIG_OPTIONS = {
  config: {
    type: 'string',
    value: 'file',
    short: 'c',
    description: 'Configuration file (AZUD_CONFIG, else azud.yaml).',
  },
  'data-dir': { type: 'string', value: 'dir', description: 'Where the log and the database are kept.' },
} as const satisfies Record<string, CommandOption>;
