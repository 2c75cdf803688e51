/**
 * The string formats that become column types. They are stricter than RFC 3339 where a store could not keep the value:
 * what passes here is stored exactly.
 */

const DATE = /^(\d{4})-(\d\d)-(\d\d)$/;
const DATE_TIME =
  /^(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6}0{0,3})?(?:Z|[+-](?:0\d|1[0-5]):[0-5]\d)$/;
const UUID = /^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$/;
/** 20 digits before the point and 18 after it: what DECIMAL(38, 18) keeps. */
const DECIMAL = /^-?(?:0|[1-9]\d{0,19})(?:\.\d{1,18})?$/;

const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** A day of the years 1 to 9999: a store has no year 0. */
export function isDay(year: number, month: number, day: number): boolean {
  // Said positively, so that NaN is no day.
  if (!(year >= 1 && year <= 9999 && month >= 1 && month <= 12 && day >= 1)) return false;
  if (month === 2 && day === 29) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return day <= (DAYS[month - 1] as number);
}

/** `2026-02-28`. */
export function isDate(text: string): boolean {
  const parts = DATE.exec(text);
  return parts !== null && isDay(Number(parts[1]), Number(parts[2]), Number(parts[3]));
}

/**
 * `2026-02-28T12:00:00.123456Z`: RFC 3339 with `T`, an offset, and at most microseconds. No leap second (no store keeps
 * one), and neither the first nor the last day of the calendar, which an offset could carry out of it.
 */
export function isDateTime(text: string): boolean {
  const parts = DATE_TIME.exec(text);
  if (parts === null) return false;
  const [, year, month, day] = parts;
  if ((year === '0001' && month === '01' && day === '01') || (year === '9999' && month === '12' && day === '31')) {
    return text.endsWith('Z') && isDay(Number(year), Number(month), Number(day));
  }
  return isDay(Number(year), Number(month), Number(day));
}

export function isUuid(text: string): boolean {
  return UUID.test(text);
}

/** An exact decimal number as a string, e.g. `"12.50"`. */
export function isDecimal(text: string): boolean {
  return DECIMAL.test(text);
}

/** As `JSON.parse` reads it. */
export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
