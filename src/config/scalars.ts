import { resolve } from 'node:path';
import type { SettingShape } from '../lib/setting.ts';

/** What a scalar setting accepts: the value it means, or the words for what was expected. */
export type Scanned = { readonly value: unknown } | { readonly expected: string };

type ScalarSetting = Exclude<SettingShape, { kind: 'map' | 'list' | 'object' | 'choice' | 'schema' }>;

const DURATION_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};
const BYTE_UNITS: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

export function isScalar(setting: SettingShape): setting is ScalarSetting {
  return !['map', 'list', 'object', 'choice', 'schema'].includes(setting.kind);
}

/**
 * Reads one scalar. `written` is a YAML value; with `text` it came from a variable or a flag, where everything is text
 * and `8080` means the number.
 */
export function scanScalar(setting: ScalarSetting, written: unknown, { text, folder }: ScanContext): Scanned {
  switch (setting.kind) {
    case 'string':
      if (typeof written !== 'string') return { expected: setting.expected ?? 'text' };
      return setting.pattern && !setting.pattern.test(written)
        ? { expected: setting.expected ?? `text that matches ${setting.pattern.source}` }
        : { value: written };
    case 'integer':
      return scanInteger(setting, text ? toNumber(written) : written);
    case 'boolean': {
      const value = text && (written === 'true' || written === 'false') ? written === 'true' : written;
      return typeof value === 'boolean' ? { value } : { expected: 'true or false' };
    }
    case 'duration':
      return scanDuration(setting.range, written);
    case 'bytes':
      return scanAmount(written, BYTE_UNITS, 'a size such as 512KiB, 64MiB or 2GiB');
    case 'instant':
      return scanInstant(written);
    case 'enum':
      return typeof written === 'string' && setting.values.includes(written)
        ? { value: written }
        : { expected: `one of ${setting.values.join(', ')}` };
    case 'path':
      return typeof written === 'string' && written !== ''
        ? { value: resolve(folder, written) }
        : { expected: 'a path' };
    case 'secret':
      return typeof written === 'string' && written !== '' ? { value: written } : { expected: 'a secret, as text' };
    case 'scalar':
      return ['string', 'number', 'boolean'].includes(typeof written)
        ? { value: written }
        : { expected: 'text, a number, true or false' };
  }
}

export interface ScanContext {
  readonly text: boolean;
  /** Relative paths begin here. */
  readonly folder: string;
}

function scanInteger({ minimum, maximum }: { minimum: number; maximum: number }, written: unknown): Scanned {
  return typeof written === 'number' && Number.isSafeInteger(written) && written >= minimum && written <= maximum
    ? { value: written }
    : { expected: minimum === maximum ? String(minimum) : `an integer from ${minimum} to ${maximum}` };
}

function toNumber(written: unknown): unknown {
  return typeof written === 'string' && /^-?\d{1,15}$/.test(written) ? Number(written) : written;
}

function scanDuration(range: readonly [from: string, to: string] | undefined, written: unknown): Scanned {
  const scan = (amount: unknown) => scanAmount(amount, DURATION_UNITS, 'a duration such as 30s, 15m, 12h or 400d');
  const scanned = scan(written);
  if (!range) return scanned;
  const [from, value, to] = [range[0], written, range[1]].map((amount) => {
    const each = scan(amount);
    return 'value' in each ? Number(each.value) : Number.NaN;
  });
  const fits = Number(from) <= Number(value) && Number(value) <= Number(to);
  return fits ? scanned : { expected: `a duration from ${range.join(' to ')}` };
}

/** A number with a unit; plain 0 needs none. */
function scanAmount(written: unknown, units: Readonly<Record<string, number>>, expected: string): Scanned {
  if (written === 0 || written === '0') return { value: 0 };
  const match = typeof written === 'string' ? /^(\d{1,12}(?:\.\d{1,6})?) ?([A-Za-z]+)$/.exec(written) : null;
  const factor = Object.hasOwn(units, match?.[2] ?? '') ? units[match?.[2] ?? ''] : undefined;
  if (!match || factor === undefined) return { expected };
  const value = Math.round(Number(match[1]) * factor);
  return Number.isSafeInteger(value) ? { value } : { expected };
}

/** A day, or a moment with its offset: without one it would depend on the machine. */
function scanInstant(written: unknown): Scanned {
  const expected = 'a date such as 2027-01-31, or a moment such as 2027-01-31T12:00:00Z';
  if (typeof written !== 'string') return { expected };
  if (!/^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d))?$/.test(written)) return { expected };
  const day = written.slice(0, 10);
  const value = Date.parse(written);
  // Date.parse takes 30 February for 2 March.
  const exists = !Number.isNaN(value) && new Date(`${day}T00:00:00Z`).toISOString().startsWith(day);
  return exists ? { value } : { expected };
}
