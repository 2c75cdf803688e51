import type { BrokerConfig } from '../broker/config.ts';
import type { CacheConfig } from '../cache/config.ts';
import type { Dataset } from '../event/dataset.ts';
import type { AdHocConfig, EndpointDeclaration } from '../query/config.ts';
import type { StoreConfig } from '../store/config.ts';

/** `azud.yaml` read, validated as a whole and frozen: the only way in which settings travel. Made by `loadConfig`. */
export interface Config {
  /** Absolute path of the file; relative paths in it begin at its folder. */
  readonly file: string;
  readonly version: 1;
  readonly system: { readonly name: string; readonly environment: string };
  readonly server: ServerConfig;
  readonly auth: { readonly tokens: readonly TokenConfig[] };
  /** Absolute. */
  readonly dataDir: string;
  readonly broker: BrokerConfig;
  readonly store: StoreConfig;
  readonly cache: CacheConfig;
  /** By name, in the order of the file. */
  readonly datasets: ReadonlyMap<string, Dataset>;
  readonly routes: readonly RouteConfig[];
  /** In the order of the file; they compile. */
  readonly endpoints: readonly EndpointDeclaration[];
  readonly sql: AdHocConfig;
  readonly log: { readonly level: LogLevel };
  /** What is odd but not wrong, e.g. an unknown AZUD_ variable; said once at start. */
  readonly warnings: readonly string[];
}

export interface ServerConfig {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
}

/** One caller. The front door keeps a digest of the secret and lets the secret go. */
export interface TokenConfig {
  readonly name: string;
  /** At least 16 characters. */
  readonly secret: string;
  /** `admin`, `metrics`, `dead-letters`, `sql`, `intake:<dataset|*>`, `query:<dataset, endpoint|*>`. */
  readonly scopes: readonly string[];
  /** ms since the epoch; null: never. */
  readonly expiresAt: number | null;
  /** Requests a second; null: no bound. */
  readonly ratePerSecond: number | null;
}

/** An extra intake path, for callers that cannot change. */
export interface RouteConfig {
  readonly path: string;
  readonly dataset: string;
}

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
