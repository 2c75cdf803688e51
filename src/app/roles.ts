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

/** What a process that has the store to itself has to do. */
const STORE_ROLES: readonly Role[] = ['loader', 'query'];

export function opensStore(roles: readonly Role[]): boolean {
  return roles.some((role) => role !== 'intake');
}

/** Of the broker and of the store: what their drivers declare. */
export interface Sharing {
  readonly broker: Shared;
  readonly store: Shared;
}

type Shared = { readonly kind: string; readonly sharing: 'process' | 'host' | 'network' };

/**
 * Roles split by hand over several processes, perhaps on several machines, meet only in a broker and a store that are
 * shared over the network. The supervised pair is another matter: there the two processes know each other.
 * @throws AzudError `unsafe-setting` with the reason and the remedy
 */
export function refuseSplit(roles: readonly Role[], { broker, store }: Sharing): void {
  const alone = ROLES.some((role) => !roles.includes(role));
  // One process may have an embedded store to itself, with everything that needs it.
  const storeDivided = opensStore(roles) && !STORE_ROLES.every((role) => roles.includes(role));
  const parts = [
    ...(alone && broker.sharing !== 'network' ? [`the ${broker.kind} broker`] : []),
    ...(storeDivided && store.sharing !== 'network' ? [`the ${store.kind} store`] : []),
  ];
  if (parts.length === 0) return;
  throw new AzudError(
    'unsafe-setting',
    `${parts.join(' and ')} ${parts.length > 1 ? 'live' : 'lives'} inside one process tree: ${roles.join(', ')} cannot run apart from the rest`,
    {
      hint: `Run azud start without --role, or choose a ${parts.map((part) => part.split(' ').at(-1)).join(' and a ')} shared over the network.`,
    },
  );
}
