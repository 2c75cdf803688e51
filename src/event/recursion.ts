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
  for (const reference of new Set(all)) {
    const place = reference === '#' ? schema : resolve(reference, schema);
    if (place === undefined) return true;
    known.set(reference, referencesIn(place));
  }
  const rings = ringsOf(known);
  return [...known].some(([place, found]) => found.filter((next) => rings.get(next) === rings.get(place)).length > 1);
}

/** Tarjan's: places that lead to each other have the same number. A schema may hold thousands of references. */
function ringsOf(known: ReadonlyMap<string, readonly string[]>): ReadonlyMap<string, number> {
  const met = new Map<string, number>();
  const rings = new Map<string, number>();
  const open: string[] = [];
  const visit = (place: string): number => {
    const own = met.size;
    let first = own;
    met.set(place, own);
    open.push(place);
    for (const next of known.get(place) ?? []) {
      if (!rings.has(next)) first = Math.min(first, met.get(next) ?? visit(next));
    }
    if (first === own) for (const closed of open.splice(open.lastIndexOf(place))) rings.set(closed, own);
    return first;
  };
  for (const place of known.keys()) if (!met.has(place)) visit(place);
  return rings;
}

/** One for each place where it stands. */
function referencesIn(part: unknown): string[] {
  if (typeof part !== 'object' || part === null) return [];
  return Object.entries(part).flatMap(([name, inner]) =>
    name === '$ref' && typeof inner === 'string' ? [inner] : referencesIn(inner),
  );
}
