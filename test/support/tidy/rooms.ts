import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Import, isTest, ROOT, type Source } from './source.ts';

/**
 * The import table of ARCHITECTURE.md as data. A pattern is a room (`lib/`), a file (`store/plan.ts`), or the files of a
 * room that are not in a folder below it (`broker/*.ts`). The first room whose pattern fits a file is the file's room.
 */
interface Room {
  readonly name: string;
  readonly holds: RegExp;
  readonly mayImport: readonly string[];
}

const GROUND = ['limits.ts', 'lib/', 'error/', 'event/', 'telemetry/'];
const BROKER_DOOR = ['broker/broker.ts', 'broker/driver.ts'];
const STORE_DOOR = ['store/store.ts', 'store/driver.ts', 'store/plan.ts', 'store/tables.ts', 'store/value.ts'];
const CACHE_DOOR = ['cache/cache.ts', 'cache/driver.ts', 'cache/results.ts', 'cache/transactions.ts'];
const FLOW = [...GROUND, ...BROKER_DOOR, ...STORE_DOOR];

export const ROOMS: readonly Room[] = [
  { name: 'limits', holds: /^limits\.ts$/, mayImport: [] },
  { name: 'lib', holds: /^lib\//, mayImport: ['limits.ts'] },
  { name: 'error', holds: /^error\//, mayImport: ['limits.ts', 'lib/'] },
  { name: 'event', holds: /^event\//, mayImport: ['limits.ts', 'lib/', 'error/'] },
  { name: 'telemetry', holds: /^telemetry\//, mayImport: ['limits.ts', 'lib/', 'error/'] },
  // The registries name every adapter; the unions in config.ts name every adapter's settings.
  { name: 'broker/registry', holds: /^broker\/registry\.ts$/, mayImport: [...GROUND, 'broker/'] },
  { name: 'store/registry', holds: /^store\/registry\.ts$/, mayImport: [...GROUND, 'store/', 'broker/driver.ts'] },
  { name: 'broker/config', holds: /^broker\/config\.ts$/, mayImport: [...GROUND, 'broker/*/config.ts'] },
  { name: 'store/config', holds: /^store\/config\.ts$/, mayImport: [...GROUND, 'store/*/config.ts'] },
  { name: 'broker', holds: /^broker\/[^/]+\.ts$/, mayImport: [...GROUND, 'broker/*.ts'] },
  { name: 'store', holds: /^store\/[^/]+\.ts$/, mayImport: [...GROUND, 'store/*.ts', 'broker/driver.ts'] },
  { name: 'store/sql', holds: /^store\/sql\//, mayImport: [...GROUND, 'store/*.ts', 'broker/driver.ts'] },
  { name: 'a broker adapter', holds: /^broker\/[^/]+\//, mayImport: [...GROUND, 'broker/*.ts'] },
  {
    name: 'a store adapter',
    holds: /^store\/[^/]+\//,
    mayImport: [...GROUND, 'store/*.ts', 'store/sql/', 'broker/driver.ts'],
  },
  { name: 'cache/registry', holds: /^cache\/registry\.ts$/, mayImport: [...GROUND, 'cache/'] },
  { name: 'cache/config', holds: /^cache\/config\.ts$/, mayImport: [...GROUND, 'cache/*/config.ts'] },
  { name: 'cache', holds: /^cache\/[^/]+\.ts$/, mayImport: [...GROUND, 'cache/*.ts'] },
  { name: 'a cache adapter', holds: /^cache\/[^/]+\//, mayImport: [...GROUND, 'cache/*.ts'] },
  { name: 'config', holds: /^config\//, mayImport: [...GROUND, '**/config.ts', 'query/endpoint.ts'] },
  { name: 'intake', holds: /^intake\//, mayImport: FLOW },
  { name: 'loader', holds: /^loader\//, mayImport: FLOW },
  { name: 'query', holds: /^query\//, mayImport: [...FLOW, 'cache/results.ts'] },
  { name: 'export', holds: /^export\//, mayImport: FLOW },
  { name: 'http', holds: /^http\//, mayImport: [...GROUND, 'intake/', 'loader/', 'query/', 'export/'] },
  {
    name: 'app',
    holds: /^app\//,
    mayImport: [
      ...FLOW,
      ...CACHE_DOOR,
      '**/config.ts',
      '**/registry.ts',
      'config/',
      'intake/',
      'loader/',
      'query/',
      'export/',
      'http/',
      'broker/log/',
      'broker/topology.ts',
    ],
  },
  { name: 'cli', holds: /^cli\//, mayImport: [...GROUND, 'config/', 'query/', 'http/', 'app/'] },
  { name: 'main', holds: /^main\.ts$/, mayImport: ['error/', 'telemetry/', 'config/', 'app/', 'cli/'] },
  { name: 'index', holds: /^index\.ts$/, mayImport: [...GROUND, ...BROKER_DOOR, ...STORE_DOOR, 'config/', 'app/'] },
];

/** Which rooms may import a package; the others ask the room that owns it. */
const PACKAGES: Readonly<Record<string, RegExp>> = {
  '@aws-sdk/client-sns': /^broker\/snssqs\//,
  '@aws-sdk/client-sqs': /^broker\/snssqs\//,
  '@duckdb/node-api': /^store\/duckdb\//,
  '@google-cloud/pubsub': /^broker\/pubsub\//,
  '@nats-io/jetstream': /^broker\/nats\//,
  '@nats-io/transport-node': /^broker\/nats\//,
  ajv: /^event\//,
  'ajv-formats': /^event\//,
  'csv-parse': /^(intake|cli)\//,
  'find-my-way': /^http\//,
  'hyparquet-writer': /^(query|export)\//,
  pg: /^store\/postgres\//,
  'pg-copy-streams': /^store\/postgres\//,
  pino: /^telemetry\//,
  'prom-client': /^telemetry\//,
  'rabbitmq-client': /^broker\/rabbitmq\//,
  redis: /^cache\/redis\//,
  yaml: /^(config|cli)\//,
};

export function roomOf(path: string): Room | undefined {
  const inside = path.replace(/^src\//, '');
  return ROOMS.find((room) => room.holds.test(inside));
}

/** Imports that the table does not allow. Tests and conformance suites may look anywhere. */
export function forbiddenImports(sources: readonly Source[]): string[] {
  return production(sources).flatMap((source) => {
    const room = roomOf(source.path);
    if (!room) return [`${source.path} belongs to no room: put it in one, or add the room to ${import.meta.filename}`];
    return source.imports
      .filter((it) => it.target?.startsWith('src/') && !mayImport(room, source.path, it.target))
      .map(
        (it) =>
          `${at(source, it)} ${room.name} may not import ${it.specifier}; it may import ${room.mayImport.join(' ')}`,
      );
  });
}

/** Packages outside the rooms that own them, and packages that are no dependency of an installation, optional or not. */
export function forbiddenPackages(sources: readonly Source[]): string[] {
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as PackageJson;
  const dependencies = { ...manifest.dependencies, ...manifest.peerDependencies };
  return production(sources).flatMap((source) =>
    source.imports
      .filter((it) => it.target === null && !it.specifier.startsWith('node:'))
      .flatMap((it) => {
        const name = packageName(it.specifier);
        if (!dependencies[name]) return [`${at(source, it)} ${name} is no production dependency`];
        if (PACKAGES[name]?.test(source.path.slice('src/'.length))) return [];
        return [
          `${at(source, it)} ${name} belongs to ${PACKAGES[name]?.source ?? 'no room yet'}: ask that room for what you need`,
        ];
      }),
  );
}

interface PackageJson {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
}

function production(sources: readonly Source[]): Source[] {
  return sources.filter(({ path }) => path.startsWith('src/') && !isTest(path));
}

function mayImport(room: Room, from: string, target: string): boolean {
  const inside = target.slice('src/'.length);
  if (folderOf(from) === folderOf(target)) return true;
  if (sameAdapter(from, target)) return true;
  // Only app puts the object graph together.
  if (/\/registry\.ts$/.test(inside) && room.name !== 'app') return false;
  return room.mayImport.some((pattern) => fits(inside, pattern));
}

function fits(path: string, pattern: string): boolean {
  if (pattern.endsWith('/')) return path.startsWith(pattern);
  if (!pattern.includes('*')) return path === pattern;
  const source = pattern
    .replaceAll('.', '\\.')
    .replaceAll('**/', '(.+/)?')
    .replace(/(?<!\))\*/g, '[^/]+');
  return new RegExp(`^${source}$`).test(path);
}

/** The room's folder: `src/http` for all that lies in it, `src/broker/log` for an adapter's files. */
function folderOf(path: string): string {
  const [, room = '', ...rest] = path.split('/');
  const twin = ['broker', 'store', 'cache'].includes(room);
  return twin && rest.length > 1 ? `${room}/${rest[0]}` : rest.length > 0 ? room : path;
}

function sameAdapter(from: string, target: string): boolean {
  return /^src\/(broker|store|cache)\/[^/]+\//.test(from) && folderOf(from) === folderOf(target);
}

function packageName(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function at(source: Source, { line }: Import): string {
  return `${source.path}:${line}`;
}
