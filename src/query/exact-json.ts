/**
 * JSON that is changed and written again without touching its numbers: a literal that a double would re-spell (`1.50`,
 * 20 digits) is carried as its text.
 */

/** From the proposal "JSON.parse source text access", in every Node that Azud runs on; TypeScript has no types for it yet. */
interface ExactJson {
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
  ): unknown;
  rawJSON(text: string): object;
  isRawJSON(value: unknown): value is { readonly rawJSON: string };
}
const EXACT = JSON as unknown as ExactJson;

/** As `JSON.parse`; `stringify` gives every number back as it stood. @throws SyntaxError */
export function parseExact(text: string): unknown {
  return EXACT.parse(text, (_, value, { source }) =>
    typeof value === 'number' && source !== undefined && String(value) !== source ? EXACT.rawJSON(source) : value,
  );
}

/** Equal as JSON, whatever the order of members. */
export function equalJson(a: unknown, b: unknown): boolean {
  if (EXACT.isRawJSON(a) || EXACT.isRawJSON(b)) return JSON.stringify(a) === JSON.stringify(b);
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, at) => equalJson(item, b[at]));
  }
  if (!isJsonObject(a) || !isJsonObject(b)) return a === b;
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && equalJson(a[name], b[name]))
  );
}

/** An object of JSON, not an array, and not a number carried as text. */
export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !EXACT.isRawJSON(value);
}
