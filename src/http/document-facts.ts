import type { RouteScope } from './routes/route.ts';

/** What the documents say besides the routes. */
export interface DocumentFacts {
  readonly system: string;
  readonly environment: string;
  readonly version: string;
  /** What a 2xx of intake means. */
  readonly promise: string;
  /** True when tokens are set, so that examples carry one. */
  readonly tokens: boolean;
  /** `http://127.0.0.1:8080` */
  readonly url: string;
}

/** A scope as the documents write it. */
export function scopeText(scope: RouteScope): string {
  return typeof scope === 'string' ? scope : scope.documented;
}
