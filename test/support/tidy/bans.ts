import { isTest, lineAt, type Source } from './source.ts';

/** A thing that is not written here, where that holds, and what is written instead. */
export interface Ban {
  readonly name: string;
  readonly pattern: RegExp;
  /** Comments are searched too. */
  readonly inComments?: true;
  readonly holdsIn: (path: string) => boolean;
  readonly instead: string;
}

const everywhere = () => true;
const production = (path: string) => path.startsWith('src/') && !isTest(path);
const productionBut = (allowed: RegExp) => (path: string) => production(path) && !allowed.test(path);
const tests = (path: string) => isTest(path) && !path.startsWith('test/support/');

export const BANS: readonly Ban[] = [
  {
    name: 'console',
    pattern: /\bconsole\s*\./g,
    holdsIn: everywhere,
    instead: 'log through the Log you were given; a command prints through its output',
  },
  {
    name: 'any',
    pattern: /(?::|\bas|<|\||,)\s*any\b(?!\s*:)/g,
    holdsIn: everywhere,
    instead: 'use unknown and narrow it where it comes in',
  },
  {
    name: 'a non-null assertion',
    pattern: /[\w)\]]!(?![=\w])/g,
    holdsIn: everywhere,
    instead: 'handle the missing case, or make the type say that it cannot be missing',
  },
  {
    name: 'a default export',
    pattern: /\bexport\s+default\b/g,
    holdsIn: everywhere,
    instead: 'export it by name: one name in every file that uses it',
  },
  {
    name: 'an enum or a namespace',
    pattern: /^\s*(?:export\s+)?(?:declare\s+)?(?:const\s+)?(?:enum|namespace)\s+\w/gm,
    holdsIn: everywhere,
    instead: 'use a union of string literals, or a module',
  },
  {
    name: 'Math.random',
    pattern: /\bMath\.random\b/g,
    holdsIn: productionBut(/^src\/lib\/backoff\.ts$/),
    instead: 'ids come from event/ids.ts; other chance is passed in, so that a test can seed it',
  },
  {
    name: 'the wall clock',
    pattern: /\bDate\.now\b|\bnew Date\(\s*\)/g,
    holdsIn: productionBut(/^src\/lib\/clock\.ts$/),
    instead: 'use the Clock you were given: clock.now()',
  },
  {
    name: 'setTimeout',
    pattern: /\bset(?:Timeout|Interval)\s*\(/g,
    // Deadlines of sockets, processes and engines are real time, whatever the clock says.
    holdsIn: productionBut(/^src\/(lib\/clock\.ts$|http\/|app\/|cli\/|(broker|store)\/[^/]+\/)/),
    instead: 'use clock.sleep(ms, signal): a test can then own the time',
  },
  {
    name: 'a sleep in a test',
    pattern: /\bsetTimeout\s*\(|\bsystemClock\.sleep\b/g,
    holdsIn: tests,
    instead: 'wait for what you mean: eventually() of test/support/eventually.ts, or a fake clock',
  },
  {
    name: 'a test left out',
    pattern: /\b(?:test|it|describe|suite)\.(?:skip|only|todo)\b|\b(?:skip|only|todo):\s*(?:true|['"])/g,
    holdsIn: isTest,
    instead: 'run it or remove it; a suite that needs a service is an entry of test/support/adapters.ts',
  },
  {
    name: 'process.exit',
    pattern: /\bprocess\.exit\b\s*\(/g,
    holdsIn: productionBut(/^src\/(main\.ts|app\/|cli\/)/),
    instead: 'throw an AzudError: its code has the exit code, and cli/ ends the process',
  },
  {
    name: 'the environment',
    pattern: /\bprocess\.env\b/g,
    // The engine's allocator is told nothing by any other way.
    holdsIn: productionBut(/^src\/(main\.ts|config\/|store\/duckdb\/allocator\.ts$)/),
    instead: 'make it a setting: config/ is the only reader of the environment',
  },
  {
    name: 'JSON.parse of what a client sent',
    pattern: /\bJSON\.parse\b/g,
    holdsIn: (path) => production(path) && /^src\/http\/(body\.ts|routes\/)/.test(path),
    instead: 'use the strict scanner of event/: JSON.parse rounds numbers and lets the last of two keys win',
  },
  {
    name: 'a left-over marker',
    pattern: new RegExp(`\\b(?:${['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX', 'HA' + 'CK'].join('|')})\\b`, 'g'),
    inComments: true,
    holdsIn: everywhere,
    instead: 'do it now, or say in an issue what is left',
  },
  {
    name: 'a silenced check',
    pattern: new RegExp(`@ts-${'ignore'}|@ts-${'expect-error'}|@ts-${'nocheck'}|biome-${'ignore'}`, 'g'),
    inComments: true,
    holdsIn: everywhere,
    instead: 'mend what the check found',
  },
];

export function broken(ban: Ban, sources: readonly Source[]): string[] {
  return sources
    .filter((source) => ban.holdsIn(source.path))
    .flatMap((source) =>
      [...(ban.inComments ? source.text : source.code).matchAll(ban.pattern)].map(
        (match) => `${source.path}:${lineAt(source.text, match.index + match[0].search(/\S/))}`,
      ),
    );
}
