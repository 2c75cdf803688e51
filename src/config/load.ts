import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { AzudError, messageOf } from '../error/azud-error.ts';
import type { Dataset } from '../event/dataset.ts';
import { compileDataset } from '../event/validator.ts';
import type { EndpointDeclaration } from '../query/config.ts';
import { compileEndpoints } from '../query/endpoint.ts';
import type { Config } from './config.ts';
import { SourceDocument } from './document.ts';
import { configError, type Mistake } from './mistake.ts';
import { Overrides, scalarPaths } from './overrides.ts';
import { SettingReader } from './reader.ts';
import { References } from './references.ts';
import { checkRules, isLoopback, type Partly } from './rules.ts';
import { type Declared, SETTINGS } from './settings.ts';

export interface LoadOptions {
  /** Of azud.yaml. */
  readonly path: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Settings by dotted path, as text: `{ 'server.port': '9000' }`. */
  readonly flags?: Readonly<Record<string, string>>;
  /** An absent file is read as an empty one. */
  readonly allowMissing?: boolean;
}

/**
 * Reads and checks azud.yaml as a whole.
 * @throws AzudError `invalid-config` (or `unsafe-setting` when nothing else is wrong) with every mistake in `errors`
 */
export async function loadConfig({ path, env, flags = {}, allowMissing = false }: LoadOptions): Promise<Config> {
  const file = resolve(path);
  const document = new SourceDocument(file, await readText(file, allowMissing));
  const syntax = document.syntaxMistakes();
  if (!document.readable) throw configError(file, syntax);

  const overrides = new Overrides(env, flags, scalarPaths(SETTINGS, document));
  const reader = new SettingReader(document, env, overrides);
  // Holes stand where a mistake was told of already: the rules below look at the rest.
  const declared = reader.readPartly(SETTINGS) as Partly<Declared> | undefined;
  // No map at all: there is nothing to look at.
  if (!declared) throw configError(file, [...syntax, ...reader.mistakes]);
  checkRules(declared, (at, message) => reader.wrong(at, message));
  const datasets = compileDatasets(declared, reader, file);
  const endpoints = endpointsOf(declared, reader);
  const mistakes: Mistake[] = [...syntax, ...overrides.mistakes, ...reader.mistakes, ...unsafe(declared, document)];
  if (mistakes.length > 0) throw configError(file, mistakes);
  return deepFreeze(assemble(declared as Declared, { file, datasets, endpoints, warnings: overrides.warnings }));
}

async function readText(file: string, allowMissing: boolean): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    if (missing && allowMissing) return '';
    throw new AzudError(
      'invalid-config',
      `${file} cannot be read: ${missing ? 'there is no such file' : messageOf(error)}`,
      {
        hint: 'Name the file with --config, or write one with azud init.',
        cause: error,
      },
    );
  }
}

/** All that are whole; what a dataset's schema has wrong is told of at its place in azud.yaml or in the schema's file. */
function compileDatasets(declared: Partly<Declared>, reader: SettingReader, file: string): Map<string, Dataset> {
  const references = new References();
  const datasets = new Map<string, Dataset>();
  for (const [name, partly] of declared.datasets ?? []) {
    if (partly?.schema === undefined) continue;
    const declaration = withoutHoles(partly);
    const path = ['datasets', name];
    try {
      const schema = references.resolve(declaration.schema, file);
      datasets.set(name, compileDataset(name, datasetDeclaration(declaration, schema)));
    } catch (error) {
      if (!(error instanceof AzudError)) throw error;
      if (error.errors.length === 0) reader.wrong([...path, 'schema'], error.message);
      // A type that is wrong breaks every branch of the meta-schema; its first word is enough.
      const first = new Map(error.errors.toReversed().map((one) => [one.path, one]));
      for (const { path: pointer, message } of first.values()) {
        const keys = keysOf(pointer);
        const place = keys[0] === 'schema' ? references.placeOf(declaration.schema, file, keys.slice(1)) : null;
        reader.wrong([...path, ...keys], message, place ?? undefined);
      }
    }
  }
  return datasets;
}

type DatasetSettings = NonNullable<ReturnType<Declared['datasets']['get']>>;

/** What was told of already is left out, so that the rest is looked at too. */
function withoutHoles(partly: Partly<DatasetSettings>): DatasetSettings {
  const given = Object.fromEntries(Object.entries(partly).filter(([, value]) => value !== undefined));
  const blank = { mode: 'append', key: null, event_id: null, time: null, retention: null, dedupe_window: 0 } as const;
  return { ...blank, ...given } as DatasetSettings;
}

function datasetDeclaration(settings: DatasetSettings, schema: DatasetSettings['schema']) {
  return {
    schema,
    mode: settings.mode,
    ...(settings.event_id !== null && { event_id: settings.event_id }),
    ...(settings.key !== null && { key: settings.key }),
    ...(settings.time !== null && { time: settings.time }),
    retentionMs: settings.retention,
    dedupeWindowMs: settings.dedupe_window,
  };
}

type EndpointSettings = NonNullable<ReturnType<Declared['endpoints']['get']>>;

/** Those without holes; what does not compile is told of. */
function endpointsOf(declared: Partly<Declared>, reader: SettingReader): readonly EndpointDeclaration[] {
  const declarations = [...(declared.endpoints ?? [])].flatMap(([name, endpoint]) =>
    hasHole(endpoint) ? [] : [endpointDeclaration(name, endpoint as EndpointSettings)],
  );
  try {
    compileEndpoints(declarations);
  } catch (error) {
    if (!(error instanceof AzudError)) throw error;
    for (const { path, message } of error.errors) reader.wrong(keysOf(path), message);
  }
  return declarations;
}

function endpointDeclaration(name: string, settings: EndpointSettings): EndpointDeclaration {
  const { path, description, params, sql, cache, shape, timeout } = settings;
  // An empty list of values would allow none.
  const given = [...params].map(([param, its]) => [param, { ...its, enum: its.enum.length > 0 ? its.enum : null }]);
  return { name, path, description, params: Object.fromEntries(given), sql, cacheMs: cache, shape, timeoutMs: timeout };
}

function hasHole(value: unknown): boolean {
  if (value === undefined) return true;
  if (value instanceof Map) return [...value.values()].some(hasHole);
  return value !== null && typeof value === 'object' && Object.values(value).some(hasHole);
}

function unsafe({ auth, server }: Partly<Declared>, document: SourceDocument): Mistake[] {
  if (auth?.tokens?.length !== 0 || server?.host === undefined || isLoopback(server.host)) return [];
  const path = ['server', 'host'];
  return [
    {
      code: 'unsafe-setting',
      place: document.place(document.find(path).nearest),
      path,
      message: `${server.host} can be reached from other machines and there are no tokens; add auth.tokens, or listen on 127.0.0.1`,
    },
  ];
}

interface Extras {
  readonly file: string;
  readonly datasets: ReadonlyMap<string, Dataset>;
  readonly endpoints: readonly EndpointDeclaration[];
  readonly warnings: readonly string[];
}

function assemble(declared: Declared, { file, datasets, endpoints, warnings }: Extras): Config {
  return {
    file,
    version: 1,
    system: declared.system,
    server: declared.server,
    auth: {
      tokens: declared.auth.tokens.map(({ name, secret, scopes, expires, rate }) => ({
        name,
        secret,
        scopes,
        expiresAt: expires,
        ratePerSecond: rate,
      })),
    },
    dataDir: declared.data_dir,
    broker: declared.broker,
    store: declared.store,
    cache: declared.cache,
    datasets,
    routes: declared.routes,
    endpoints,
    sql: { maxAgeMs: declared.sql.max_age, timeoutMs: declared.sql.timeout, memoryBytes: declared.sql.memory_limit },
    log: declared.log,
    warnings: datasets.size > 0 ? warnings : [...warnings, 'no dataset is configured: nothing can be taken in'],
  };
}

function keysOf(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function deepFreeze<T>(value: T): T {
  if (value === null || typeof value !== 'object') return value;
  for (const inner of value instanceof Map ? value.values() : Object.values(value)) deepFreeze(inner);
  return Object.freeze(value);
}
