import { REDIS_URL, REDIS_URL_WORDS } from '../cache/redis/config.ts';
import { didYouMean } from '../lib/nearest.ts';
import { QUERY_LIMITS } from '../limits.ts';
import type { Declared } from './settings.ts';

/** What was read, with holes where it was wrong. */
export type Partly<T> =
  T extends ReadonlyMap<string, infer V>
    ? ReadonlyMap<string, Partly<V> | undefined>
    : T extends readonly (infer V)[]
      ? readonly (Partly<V> | undefined)[]
      : T extends object
        ? { readonly [K in keyof T]?: Partly<T[K]> | undefined }
        : T | undefined;

/** Tells of a mistake at a path. */
export type Wrong = (path: readonly string[], message: string) => void;

const SECRET_LENGTH_MIN = 16;
const PLAIN_SCOPES = ['admin', 'metrics', 'dead-letters', 'sql'];
const SQL_MEMORY_MIN = 64 * 1024 * 1024;
/** First parts of the paths that Azud answers itself. */
const OWN_PATHS = ['v1', 'problems', 'docs', 'openapi.json', 'metrics', 'healthz', 'healthcheck', 'readyz', 'console'];

/** What no single setting can see: names that must exist, paths that must differ, scopes that must mean something. */
export function checkRules(declared: Partly<Declared>, wrong: Wrong): void {
  checkTokens(declared, wrong);
  checkPaths(declared, wrong);
  checkAdHoc(declared, wrong);
  const { cache } = declared;
  if (cache?.kind === 'redis' && typeof cache.url === 'string' && !REDIS_URL.test(cache.url)) {
    wrong(['cache', 'url'], `expected ${REDIS_URL_WORDS}`);
  }
  checkDatasetNames(declared, wrong);
}

/** Of the columns that Citus is given the store looks, which knows what it can do with them. */
function checkDatasetNames({ datasets, routes, store }: Partly<Declared>, wrong: Wrong): void {
  const known = [...(datasets?.keys() ?? [])];
  const check = (name: string | undefined, path: readonly string[]) => {
    if (name !== undefined && !known.includes(name)) wrong(path, unknownName('dataset', name, known));
  };
  if (store?.kind === 'postgres') {
    const { distribute, reference } = store.citus ?? {};
    for (const name of distribute?.keys() ?? []) check(name, ['store', 'citus', 'distribute', name]);
    reference?.forEach((name, at) => {
      check(name, ['store', 'citus', 'reference', String(at)]);
    });
  }
  routes?.forEach((route, at) => {
    check(route?.dataset, ['routes', String(at), 'dataset']);
  });
}

function checkTokens({ auth, datasets, endpoints }: Partly<Declared>, wrong: Wrong): void {
  const names = new Set<string>();
  const secrets = new Set<string>();
  auth?.tokens?.forEach((token, at) => {
    const path = ['auth', 'tokens', String(at)];
    if (token?.name !== undefined && names.has(token.name)) {
      wrong([...path, 'name'], `two tokens are called ${token.name}`);
    }
    if (token?.name !== undefined) names.add(token.name);
    if (token?.secret !== undefined && token.secret.length < SECRET_LENGTH_MIN) {
      wrong([...path, 'secret'], `expected at least ${SECRET_LENGTH_MIN} characters, got ${token.secret.length}`);
    }
    if (token?.secret !== undefined) {
      if (secrets.has(token.secret)) wrong([...path, 'secret'], 'another token has this secret: which one is meant?');
      secrets.add(token.secret);
    }
    if (token?.scopes?.length === 0) wrong([...path, 'scopes'], 'expected at least one scope');
    token?.scopes?.forEach((scope, nth) => {
      const message = scope === undefined ? null : scopeMistake(scope, datasets, endpoints);
      if (message !== null) wrong([...path, 'scopes', String(nth)], message);
    });
  });
}

type Names = { keys(): Iterable<string> } | undefined;

function scopeMistake(scope: string, datasets: Names, endpoints: Names): string | null {
  const [area = '', name] = scope.split(':', 2);
  if (name === undefined) {
    if (PLAIN_SCOPES.includes(scope)) return null;
    const known = [...PLAIN_SCOPES, 'intake:*', 'query:*'];
    return `expected a scope (${known.join(', ')}), got "${scope}"${didYouMean(scope, known)}`;
  }
  if (area !== 'intake' && area !== 'query') {
    return `expected intake:<dataset or *> or query:<dataset, endpoint or *>, got "${scope}"${didYouMean(area, ['intake', 'query'])}`;
  }
  const known = [...(datasets?.keys() ?? []), ...(area === 'query' ? (endpoints?.keys() ?? []) : [])];
  if (name === '*' || known.includes(name)) return null;
  return unknownName(area === 'query' ? 'dataset or endpoint' : 'dataset', name, known);
}

function checkPaths({ routes, endpoints }: Partly<Declared>, wrong: Wrong): void {
  const posts = new Map<string, string>();
  routes?.forEach((route, at) => {
    if (route?.path === undefined) return;
    const path = ['routes', String(at), 'path'];
    checkOwn(route.path, path, wrong);
    if (route.path.includes('{')) wrong(path, 'an intake path has no {parameters}');
    checkUnique({ seen: posts, url: route.path, owner: `routes[${at}]` }, path, wrong);
  });
  for (const [name, endpoint] of endpoints ?? []) {
    const url = endpoint?.path;
    if (url && url !== `/v1/endpoints/${name}`) checkOwn(url, ['endpoints', name, 'path'], wrong);
  }
}

function checkAdHoc({ sql }: Partly<Declared>, wrong: Wrong): void {
  const { timeout = 1, memory_limit: memory = SQL_MEMORY_MIN } = sql ?? {};
  const most = QUERY_LIMITS.timeoutMs;
  if (timeout < 1 || timeout > most) wrong(['sql', 'timeout'], `expected 1ms to ${most / 1_000}s, got ${timeout} ms`);
  if (memory < SQL_MEMORY_MIN) wrong(['sql', 'memory_limit'], `expected at least 64MiB, got ${memory} bytes`);
}

function checkOwn(url: string, path: readonly string[], wrong: Wrong): void {
  const [, first = ''] = url.split('/', 2);
  if (OWN_PATHS.includes(first) || url === '/') wrong(path, `${url} belongs to Azud itself; choose another path`);
}

interface PathClaim {
  readonly seen: Map<string, string>;
  readonly url: string;
  readonly owner: string;
}

function checkUnique({ seen, url, owner }: PathClaim, path: readonly string[], wrong: Wrong): void {
  const shape = url.replace(/\{[^}]*\}/g, '{}').replace(/\/+$/, '');
  const other = seen.get(shape);
  if (other !== undefined) wrong(path, `${url} is the path of ${other} already`);
  else seen.set(shape, owner);
}

function unknownName(noun: string, name: string, known: readonly string[]): string {
  const list = known.length === 0 ? `; no ${noun} is declared` : `; there are ${known.slice(0, 20).join(', ')}`;
  return `there is no ${noun} "${name}"${didYouMean(name, known) || list}`;
}

/** Is the address one that only this machine reaches? */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}
