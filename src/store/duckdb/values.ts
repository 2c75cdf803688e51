import {
  DuckDBBlobValue,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBTimestampMillisecondsValue,
  DuckDBTimestampNanosecondsValue,
  DuckDBTimestampSecondsValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  type DuckDBType,
  DuckDBTypeId,
  DuckDBUUIDValue,
  type DuckDBValue,
  JsonDuckDBValueConverter,
} from '@duckdb/node-api';
import type { ColumnType } from '../../event/dataset.ts';
import type { Value } from '../driver.ts';
import { decimalOf, exactInteger, isoOf } from '../value.ts';

const INTEGERS: ReadonlySet<DuckDBTypeId> = new Set([
  DuckDBTypeId.TINYINT,
  DuckDBTypeId.SMALLINT,
  DuckDBTypeId.INTEGER,
  DuckDBTypeId.BIGINT,
  DuckDBTypeId.HUGEINT,
  DuckDBTypeId.UTINYINT,
  DuckDBTypeId.USMALLINT,
  DuckDBTypeId.UINTEGER,
  DuckDBTypeId.UBIGINT,
  DuckDBTypeId.UHUGEINT,
]);
const TIMESTAMPS: ReadonlySet<DuckDBTypeId> = new Set([
  DuckDBTypeId.TIMESTAMP,
  DuckDBTypeId.TIMESTAMP_TZ,
  DuckDBTypeId.TIMESTAMP_S,
  DuckDBTypeId.TIMESTAMP_MS,
  DuckDBTypeId.TIMESTAMP_NS,
]);
const NESTED: ReadonlySet<DuckDBTypeId> = new Set([
  DuckDBTypeId.LIST,
  DuckDBTypeId.STRUCT,
  DuckDBTypeId.MAP,
  DuckDBTypeId.ARRAY,
  DuckDBTypeId.UNION,
]);

/** What a column of a result holds, in our words. JSON is VARCHAR under an alias. */
export function columnTypeOf(type: DuckDBType, alias: string | undefined): ColumnType {
  if (INTEGERS.has(type.typeId)) return 'integer';
  if (TIMESTAMPS.has(type.typeId)) return 'timestamp';
  if (NESTED.has(type.typeId) || alias === 'JSON') return 'json';
  if (type.typeId === DuckDBTypeId.DOUBLE || type.typeId === DuckDBTypeId.FLOAT) return 'number';
  if (type.typeId === DuckDBTypeId.DECIMAL) return 'decimal';
  if (type.typeId === DuckDBTypeId.BOOLEAN) return 'boolean';
  if (type.typeId === DuckDBTypeId.DATE) return 'date';
  return type.typeId === DuckDBTypeId.UUID ? 'uuid' : 'string';
}

/** Not a number and the infinities are null: JSON has no word for them. */
export function valueOfDuck(value: DuckDBValue, type: DuckDBType): Value {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) ? value : null;
    case 'bigint':
      return exactInteger(value);
    default:
      return value === null ? null : objectValue(value, type);
  }
}

function objectValue(value: object, type: DuckDBType): Value {
  if (value instanceof DuckDBTimestampTZValue || value instanceof DuckDBTimestampValue) return finiteIso(value.micros);
  if (value instanceof DuckDBTimestampMillisecondsValue) return finiteIso(value.millis * 1000n);
  if (value instanceof DuckDBTimestampSecondsValue) return finiteIso(value.seconds * 1_000_000n);
  if (value instanceof DuckDBTimestampNanosecondsValue) return finiteIso(value.nanos / 1000n);
  if (value instanceof DuckDBDateValue) return value.isFinite ? dayOf(value) : null;
  if (value instanceof DuckDBDecimalValue) return decimalOf(value.toString()) ?? value.toString();
  if (value instanceof DuckDBUUIDValue) return value.toString();
  if (value instanceof DuckDBBlobValue) return Buffer.from(value.bytes).toString('base64');
  if (NESTED.has(type.typeId))
    return JSON.stringify(JsonDuckDBValueConverter(value as DuckDBValue, type, JsonDuckDBValueConverter));
  return String(value);
}

function dayOf({ days }: DuckDBDateValue): string {
  return new Date(days * 86_400_000).toISOString().replace(/T.*/, '');
}

/** The farthest times JavaScript can spell; DuckDB's infinities lie beyond. */
const MICROS_MAX = 8_640_000_000_000_000_000n;

function finiteIso(micros: bigint): Value {
  return micros > MICROS_MAX || micros < -MICROS_MAX ? null : isoOf(micros);
}
