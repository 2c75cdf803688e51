/** JSON Pointers (RFC 6901): building them, and reading those that name a top-level property. */

const escaped = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1');

/** `pointer('properties', 'a/b')` is `/properties/a~1b`. */
export function pointer(...names: readonly (string | number)[]): string {
  return names.map((name) => `/${escaped(String(name))}`).join('');
}

/** The property that a pointer like `/flight_id` names; null when it is no pointer to a top-level property. */
export function topLevelName(text: string): string | null {
  if (!text.startsWith('/') || text.indexOf('/', 1) !== -1 || /~(?![01])/.test(text)) return null;
  return text.slice(1).replaceAll('~1', '/').replaceAll('~0', '~');
}
