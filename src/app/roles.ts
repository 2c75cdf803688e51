import { AzudError } from '../error/azud-error.ts';
import { didYouMean } from '../lib/nearest.ts';

/** What a process may do. `exporter` writes batch files. */
export const ROLES = ['intake', 'loader', 'query', 'exporter'] as const;
export type Role = (typeof ROLES)[number];
export type RoleName = Role | 'all';

/** Everything that needs the store lives in one process: an embedded store has one owner. */
export const ANALYTICS_ROLES: readonly Role[] = ['loader', 'query', 'exporter'];

/** @throws AzudError `invalid-usage` naming the nearest role */
export function rolesOf(name: string): readonly Role[] {
  if (name === 'all') return ROLES;
  const role = ROLES.find((known) => known === name);
  if (role) return [role];
  throw new AzudError('invalid-usage', `there is no role ${name}${didYouMean(name, [...ROLES, 'all'])}`);
}

/** Kinds that live inside one installation: one log on one disk, one database file, or memory. */
const EMBEDDED: ReadonlySet<string> = new Set(['log', 'memory', 'duckdb']);

/**
 * Roles split by hand over several processes, perhaps on several machines, meet only in a broker and a store that are
 * shared over the network. The supervised pair is another matter: there the two processes know each other.
 * @throws AzudError `unsafe-setting` with the reason and the remedy
 */
export function refuseSplit(
  roles: readonly Role[],
  { broker, store }: { readonly broker: { readonly kind: string }; readonly store: { readonly kind: string } },
): void {
  if (roles.length === ROLES.length) return;
  const part = EMBEDDED.has(broker.kind) ? { name: 'broker', ...broker } : { name: 'store', ...store };
  if (!EMBEDDED.has(part.kind)) return;
  throw new AzudError(
    'unsafe-setting',
    `the ${part.kind} ${part.name} lives inside one process tree: ${roles.join(', ')} cannot run apart from the rest`,
    { hint: `Run azud start without --role, or choose a ${part.name} that is shared over the network.` },
  );
}
