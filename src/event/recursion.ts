import { resolve } from './columns.ts';
import type { JsonSchema } from './dataset.ts';

/** Words that name places otherwise than by pointers from the root. */
const OTHER_NAMES = /"\$(?:anchor|dynamicAnchor|dynamicRef|id)":/;

/**
 * Whether the schema leads back to one of its places by more than one reference: then each level of a value may be checked
 * twice as often as the level above it. True also where it cannot be told.
 */
export function branches(schema: JsonSchema): boolean {
  const all = referencesIn(schema);
  if (OTHER_NAMES.test(JSON.stringify({ ...schema, $id: undefined }))) return true;
  const known = new Map<string, readonly string[]>();
  for (const reference of all) {
    const place = reference === '#' ? schema : resolve(reference, schema);
    if (place === undefined) return true;
    known.set(reference, referencesIn(place));
  }
  const leads = (from: string, to: string, seen: Set<string>): boolean => {
    if (from === to) return true;
    if (seen.has(from)) return false;
    seen.add(from);
    return (known.get(from) ?? []).some((next) => leads(next, to, seen));
  };
  return [...known].some(([place, found]) => found.filter((next) => leads(next, place, new Set())).length > 1);
}

/** One for each place where it stands. */
function referencesIn(part: unknown): string[] {
  if (typeof part !== 'object' || part === null) return [];
  return Object.entries(part).flatMap(([name, inner]) =>
    name === '$ref' && typeof inner === 'string' ? [inner] : referencesIn(inner),
  );
}
