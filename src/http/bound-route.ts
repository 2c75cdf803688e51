import type { RouteTimer } from './request-metrics.ts';
import type { Route } from './routes/route.ts';

/** A route with what serving it needs, bound once. */
export interface BoundRoute {
  readonly route: Route;
  readonly timer: RouteTimer;
  readonly forwarded: boolean;
  /** One token may have a few of these at the same time. */
  readonly gated: boolean;
}
