import { DATASET_NAME } from '../../event/dataset.ts';
import { boolean, integer, list, map, object, oneOf, path, secret, string } from '../../lib/setting.ts';

/** PostgreSQL 15 or newer, Aurora included. Setting names are those of azud.yaml; what `url` says, a setting beside it overrules. */
export interface PostgresStoreConfig {
  readonly kind: 'postgres';
  /** `postgres://user:password@host:5432/database`. */
  readonly url?: string | null;
  readonly host?: string | null;
  readonly port?: number | null;
  readonly user?: string | null;
  readonly password?: string | null;
  readonly database?: string | null;
  /** The schema that holds Azud's tables; made when it is missing. */
  readonly schema?: string;
  readonly tls?: Tls | null;
  /** Certificate of the authority that signed the server's, PEM. */
  readonly tls_ca?: string | null;
  /** A user with the right to read only, for rows and endpoints. */
  readonly reader?: string | null;
  readonly reader_password?: string | null;
  /** Connections for reads; four more write. */
  readonly pool_size?: number;
  /** Take a server that may lose what it has confirmed. */
  readonly allow_unsafe?: boolean;
  readonly citus?: CitusConfig;
}

/** How the tables lie in a Citus cluster; both empty where there is none. */
export interface CitusConfig {
  /** Column by dataset. */
  readonly distribute: ReadonlyMap<string, string>;
  /** Datasets. */
  readonly reference: readonly string[];
}

const TLS = ['off', 'require', 'verify-full'] as const;
export type Tls = (typeof TLS)[number];

export const POSTGRES_DEFAULTS = Object.freeze({ schema: 'azud', pool_size: 8, allow_unsafe: false });
const CITUS_NONE: CitusConfig = Object.freeze({ distribute: new Map<string, string>(), reference: [] });

/** Null where the database need not be a Citus cluster. */
export function citusOf({ citus = CITUS_NONE }: PostgresStoreConfig): CitusConfig | null {
  return citus.distribute.size + citus.reference.length > 0 ? citus : null;
}

/** Names that need no quoting anywhere, so that they can stand in start-up options. */
const NAME = /^[a-z_][a-z0-9_]{0,62}$/;

/** Settings of `store: { kind: postgres }`. */
export const POSTGRES_SETTINGS = {
  url: secret({
    description: 'Address with everything in it; the settings below overrule its parts.',
    example: 'postgres://azud@db.internal:5432/analytics',
    default: null,
  }),
  host: string({ description: 'Host name or address. Without it and without `url`: 127.0.0.1.', default: null }),
  port: integer({ description: 'Port; 5432 unless `url` has another.', minimum: 1, maximum: 65_535, default: null }),
  user: string({ description: 'User that owns the schema and writes; postgres unless `url` has one.', default: null }),
  password: secret({ description: 'Password of that user.', default: null }),
  database: string({ description: 'Database; postgres unless `url` has one.', default: null }),
  schema: string({
    description: "Schema that holds Azud's tables; made when it is missing.",
    pattern: NAME,
    expected: 'a name of small letters, digits and _',
    default: POSTGRES_DEFAULTS.schema,
  }),
  tls: oneOf(TLS, {
    description: 'Encryption: `require` any certificate, or `verify-full` it. `sslmode` in `url` says the same.',
    default: 'off',
  }),
  tls_ca: path({ description: 'File with the authority that signed the certificate, PEM.', default: null }),
  reader: string({
    description: 'User for rows and endpoints; Azud grants it reading of its tables. Without it, the first user reads.',
    pattern: NAME,
    expected: 'a name of small letters, digits and _',
    default: null,
  }),
  reader_password: secret({ description: 'Password of that user.', default: null }),
  pool_size: integer({
    description: 'Connections for reads; four more write.',
    minimum: 1,
    maximum: 200,
    default: POSTGRES_DEFAULTS.pool_size,
  }),
  allow_unsafe: boolean({
    description: 'Take a server with `fsync` or `synchronous_commit` off, which may lose confirmed events.',
    default: POSTGRES_DEFAULTS.allow_unsafe,
  }),
  citus: object(
    {
      distribute: map(
        string({ description: 'Column whose value says on which worker a row lies.', example: '_event_id' }),
        {
          description: 'Datasets whose rows are spread over the workers, each with its column.',
          key: DATASET_NAME,
          expectedKey: 'the name of a dataset',
          example: '{ flights: _event_id }',
        },
      ),
      reference: list(string({ description: 'A dataset of `mode: upsert`.', example: 'airlines' }), {
        description: 'Datasets of which every worker has all rows, to be joined with the others.',
        example: '[airlines]',
      }),
    },
    { description: 'For a database that is the coordinator of a Citus cluster.' },
  ),
};
