import { AzudError, type RowError } from '../error/azud-error.ts';
import { rowCode } from '../error/catalogue.ts';
import { DATASET_NAME } from '../event/dataset.ts';
import { didYouMean } from '../lib/nearest.ts';
import { QUERY_LIMITS } from '../limits.ts';
import type { EndpointDeclaration, EndpointShape } from './config.ts';
import { compileParameter, type EndpointParameter } from './endpoint-parameter.ts';
import { FORM_PARAMETERS } from './format/negotiation.ts';
import { sqlNames } from './sql-names.ts';

/** A named, parameterised SQL query, checked. */
export interface Endpoint {
  readonly name: string;
  readonly path: string;
  readonly params: ReadonlyMap<string, EndpointParameter>;
  readonly sql: string;
  readonly cacheMs: number;
  readonly shape: EndpointShape;
  readonly timeoutMs: number;
}

/**
 * All endpoints of a configuration, by name.
 * @throws AzudError `invalid-config` with every mistake and its path, `/endpoints/{name}/…`
 */
export function compileEndpoints(declarations: readonly EndpointDeclaration[]): ReadonlyMap<string, Endpoint> {
  const errors: RowError[] = [];
  const endpoints = new Map<string, Endpoint>();
  const paths = new Map<string, string>();
  for (const declaration of declarations) {
    const { name } = declaration;
    const endpoint = compileEndpoint(declaration, errors);
    endpoints.set(name, endpoint);
    const shape = endpoint.path.replace(/\{[^}]*\}/g, '{}');
    const other = paths.get(shape);
    if (other !== undefined) report(errors, `/endpoints/${name}/path`, `is the path of ${other} already`);
    paths.set(shape, name);
  }
  if (errors.length > 0) {
    throw new AzudError('invalid-config', errors.map(({ path, message }) => `${path} ${message}`).join('; '), {
      errors,
    });
  }
  return endpoints;
}

function report(errors: RowError[], path: string, message: string): void {
  errors.push({ path, code: rowCode('invalid-config'), message });
}

function compileEndpoint(declaration: EndpointDeclaration, errors: RowError[]): Endpoint {
  const { name, sql, params } = declaration;
  const at = `/endpoints/${name}`;
  const path = declaration.path ?? `/v1/endpoints/${name}`;
  if (!DATASET_NAME.test(name)) report(errors, at, 'must be a name that matches ^[a-z][a-z0-9_]{0,62}$');
  if (!/^(?:\/[\w\-.{}]+)+$/.test(path))
    report(errors, `${at}/path`, 'must be a path such as /v1/delays or /data/{id}');
  const compiled = new Map(
    Object.entries(params ?? {}).map(([param, its]) => [param, compileParameter(`${at}/params/${param}`, its, errors)]),
  );
  for (const param of compiled.keys()) {
    if (!/^[A-Za-z_]\w{0,62}$/.test(param)) report(errors, `${at}/params/${param}`, 'must be letters, digits and _');
    if (FORM_PARAMETERS.has(param))
      report(errors, `${at}/params/${param}`, 'is taken: it chooses the form of the answer');
  }
  checkSql({ at, sql, params: compiled }, errors);
  for (const [, param = ''] of path.matchAll(/\{(.*?)\}/g)) {
    if (!compiled.has(param)) report(errors, `${at}/path`, `holds {${param}}, which params does not declare`);
  }
  const { cacheMs, shape, timeoutMs } = declaration;
  const most = QUERY_LIMITS.timeoutMs;
  const limit = timeoutMs ?? most;
  if (limit < 1 || limit > most) report(errors, `${at}/timeout`, `must be 1ms to ${most / 1_000}s`);
  return { name, path, params: compiled, sql, cacheMs: cacheMs ?? 0, shape: shape ?? 'rows', timeoutMs: limit };
}

/** The words a reading query begins with, after comments and parentheses. */
const SELECT = /^(?:\s|\(|--.*\n|\/\*[\s\S]*?\*\/)*(?:select|with|from|values)\b/i;

interface CheckedSql {
  readonly at: string;
  readonly sql: string;
  readonly params: ReadonlyMap<string, unknown>;
}

function checkSql({ at, sql, params }: CheckedSql, errors: RowError[]): void {
  if (Buffer.byteLength(sql) > QUERY_LIMITS.sqlBytesMax) {
    report(errors, `${at}/sql`, `is longer than ${QUERY_LIMITS.sqlBytesMax} bytes`);
    return;
  }
  const { names, positional, several } = sqlNames(sql);
  if (sql.trim() === '') report(errors, `${at}/sql`, 'is empty');
  else if (!SELECT.test(sql)) report(errors, `${at}/sql`, 'is not a SELECT');
  if (several) report(errors, `${at}/sql`, 'holds several statements; give one SELECT');
  if (positional) report(errors, `${at}/sql`, 'has placeholders by number; name them, as in $origin');
  for (const name of names) {
    if (!params.has(name))
      report(errors, `${at}/sql`, `uses $${name}, which params does not declare${didYouMean(name, params.keys())}`);
  }
  for (const name of params.keys()) {
    if (!names.has(name))
      report(errors, `${at}/params/${name}`, `is not used: the sql has no $${name}${didYouMean(name, names)}`);
  }
}
