import type { Dataset } from '../../event/dataset.ts';
import type { Endpoint } from '../../query/endpoint.ts';
import { DEAD_LETTER_ROUTES } from './dead-letters.ts';
import { endpointRoutes } from './endpoints.ts';
import { intakeRoutes } from './intake.ts';
import type { Route } from './route.ts';
import { SERVING_ROUTES } from './serving.ts';
import { SQL_ROUTES } from './sql.ts';
import { DOCUMENT_ROUTES, SYSTEM_ROUTES } from './system.ts';

export interface TableOptions {
  readonly datasets: ReadonlyMap<string, Dataset>;
  readonly endpoints: ReadonlyMap<string, Endpoint>;
  readonly routes: readonly { readonly path: string; readonly dataset: string }[];
}

/** Every route of a configuration: what is served, documented and tested is this list. */
export function routeTable({ datasets, endpoints, routes }: TableOptions): readonly Route[] {
  return [
    ...intakeRoutes(datasets, routes),
    ...SERVING_ROUTES,
    ...endpointRoutes(endpoints),
    ...SQL_ROUTES,
    ...DEAD_LETTER_ROUTES,
    ...SYSTEM_ROUTES,
    ...DOCUMENT_ROUTES,
  ];
}
