import { isUuid } from '../event/formats.ts';
import { didYouMean } from '../lib/nearest.ts';
import type { Condition } from '../store/driver.ts';
import { readMembers, readObject } from './control-body.ts';
import { isJsonObject } from './exact-json.ts';
import { type PatchOperation, readPatch } from './json-patch.ts';
import { invalidParameter } from './parameters.ts';
import { expected, parseValue } from './values.ts';

/** Which dead letters, by the parameters of the list or the `filter` of a body. */
export type LetterFilter = readonly Condition[];

export interface ReplayManyRequest {
  readonly filter: LetterFilter;
  readonly patch: readonly PatchOperation[];
  readonly dryRun: boolean;
}

export interface DiscardRequest {
  /** Null: those of the filter. */
  readonly ids: readonly string[] | null;
  readonly filter: LetterFilter;
  readonly reason: string;
}

export const FILTER_NAMES = ['dataset', 'code', 'since', 'transaction_id'] as const;
const IDS_MAX = 1_000;
const REASON_CHARS_MAX = 500;

/** The corrected event of a replay, its bytes as they were sent; null for an empty body, or one without `event`. */
export function readReplay(body: Buffer): Buffer | null {
  if (body.length === 0) return null;
  const scanner = readObject(body, ['event']);
  return scanner.has(0) ? body.subarray(scanner.starts[0], scanner.ends[0]) : null;
}

/** @throws AzudError `invalid-json`, `invalid-parameter`, `invalid-patch` */
export function readReplayMany(body: Buffer): ReplayManyRequest {
  const { filter, patch, dry_run: dryRun = false } = readMembers(body, ['filter', 'patch', 'dry_run']);
  if (typeof dryRun !== 'boolean') throw invalidParameter('dry_run', 'must be true or false');
  return { filter: readFilter(filter), patch: patch === undefined ? [] : readPatch(patch), dryRun };
}

/** @throws AzudError `invalid-json`, `invalid-parameter` */
export function readDiscard(body: Buffer): DiscardRequest {
  const { ids, filter, reason } = readMembers(body, ['ids', 'filter', 'reason']);
  if (typeof reason !== 'string' || reason.trim() === '' || reason.length > REASON_CHARS_MAX) {
    throw invalidParameter('reason', `must be text of 1 to ${REASON_CHARS_MAX} characters: it is kept with the letter`);
  }
  if ((ids === undefined) === (filter === undefined))
    throw invalidParameter('ids', 'or filter must be given, not both');
  return { ids: ids === undefined ? null : readIds(ids), filter: readFilter(filter), reason };
}

/** Conditions from texts by name; unknown names were refused before. @throws AzudError `invalid-parameter` */
export function letterFilter(texts: ReadonlyMap<string, string>): LetterFilter {
  const conditions: Condition[] = [];
  const dataset = texts.get('dataset');
  if (dataset !== undefined) conditions.push({ column: 'dataset', operator: 'eq', value: dataset });
  const code = texts.get('code');
  // A problem spells the same code with hyphens.
  if (code !== undefined) conditions.push({ column: 'code', operator: 'eq', value: code.replaceAll('-', '_') });
  const since = texts.get('since');
  if (since !== undefined) {
    const value = parseValue('timestamp', since);
    if (value === undefined) throw invalidParameter('since', `must be ${expected('timestamp')}`);
    conditions.push({ column: 'received_at', operator: 'gte', value });
  }
  const transaction = texts.get('transaction_id');
  if (transaction !== undefined) {
    if (!isUuid(transaction)) throw invalidParameter('transaction_id', 'must be a UUID');
    conditions.push({ column: 'transaction_id', operator: 'eq', value: transaction.toLowerCase() });
  }
  return conditions;
}

function readFilter(filter: unknown): LetterFilter {
  if (filter === undefined) return [];
  if (!isJsonObject(filter)) throw invalidParameter('filter', 'must be an object');
  const texts = Object.entries(filter).map(([name, value]) => {
    if (!FILTER_NAMES.some((known) => known === name)) {
      throw invalidParameter(name, `is not a filter${didYouMean(name.slice(0, 100), FILTER_NAMES)}`);
    }
    if (typeof value !== 'string') throw invalidParameter(name, 'must be text');
    return [name, value] as const;
  });
  return letterFilter(new Map(texts));
}

function readIds(ids: unknown): readonly string[] {
  if (!Array.isArray(ids) || ids.length === 0 || ids.length > IDS_MAX) {
    throw invalidParameter('ids', `must be a list of 1 to ${IDS_MAX} ids`);
  }
  return ids.map((id: unknown) => {
    if (typeof id !== 'string' || !isUuid(id)) throw invalidParameter('ids', 'must be UUIDs');
    return id.toLowerCase();
  });
}
