import { whyNoMount } from './disk.ts';
import { missingNats, NATS_SERVER } from './nats.ts';
import { missingPostgres, POSTGRES_URL } from './postgres.ts';
import { missingPubsub } from './pubsub.ts';
import { missingRabbitmq, RABBITMQ_SERVER } from './rabbitmq.ts';
import { missingRedis, REDIS_URL } from './redis.ts';

/**
 * The adapters whose tests need something that a machine may lack. `npm test` runs the tests of those it finds and names
 * the others; `AZUD_TEST_REQUIRE=all` (or a list of names; `-name` takes one out) makes a missing one a failure, so that green never means "not run".
 */
export interface Adapter {
  /** The adapter's folder, kind and name are one word. */
  readonly name: string;
  /** Test files below this folder are the adapter's. */
  readonly folder: string;
  /** What is missing, in words, or null when the tests can run. */
  missing(): Promise<string | null>;
  /** What would make them run. */
  readonly remedy: string;
  /** The test that shows the same on every machine, by other means; then `all` does not ask for this one. */
  readonly elsewhere?: string;
}

const POSTGRES = {
  missing: missingPostgres,
  remedy: `start PostgreSQL 15 or newer at ${POSTGRES_URL}, or name another superuser in AZUD_TEST_POSTGRES`,
};

const NATS = {
  missing: missingNats,
  remedy: `start nats-server -js at ${NATS_SERVER}, or name another in AZUD_TEST_NATS; the faults need nats-server on the PATH`,
};

const PUBSUB = {
  missing: missingPubsub,
  remedy:
    'install java and the Pub/Sub emulator (gcloud components install pubsub-emulator), or name its jar in AZUD_TEST_PUBSUB_JAR',
};

const RABBITMQ = {
  missing: missingRabbitmq,
  remedy: `start RabbitMQ 3.10 or newer at ${RABBITMQ_SERVER} with its user guest, or name another in AZUD_TEST_RABBITMQ`,
};

const SNSSQS = {
  missing: () => missingPackage('fauxqs'),
  remedy: 'run npm ci: fauxqs is among the development packages',
};

const REDIS = {
  missing: missingRedis,
  remedy: `start Redis 7 or newer at ${REDIS_URL}, or name another in AZUD_TEST_REDIS; the faults need redis-server on the PATH`,
};

export const ADAPTERS: readonly Adapter[] = [
  {
    name: 'duckdb',
    folder: 'src/store/duckdb/',
    missing: () => missingPackage('@duckdb/node-api'),
    remedy: 'run npm ci on a platform that DuckDB is built for',
  },
  { name: 'postgres', folder: 'src/store/postgres/', ...POSTGRES },
  { name: 'postgres-system', folder: 'test/e2e/postgres/', ...POSTGRES },
  { name: 'nats', folder: 'src/broker/nats/', ...NATS },
  { name: 'nats-system', folder: 'test/e2e/nats/', ...both(NATS, POSTGRES) },
  { name: 'nats-scale', folder: 'test/scale/nats/', ...both(NATS, POSTGRES) },
  { name: 'pubsub', folder: 'src/broker/pubsub/', ...PUBSUB },
  { name: 'pubsub-system', folder: 'test/e2e/pubsub/', ...PUBSUB },
  { name: 'pubsub-postgres', folder: 'test/e2e/pubsub-postgres/', ...both(PUBSUB, POSTGRES) },
  { name: 'rabbitmq', folder: 'src/broker/rabbitmq/', ...RABBITMQ },
  { name: 'rabbitmq-system', folder: 'test/e2e/rabbitmq/', ...both(RABBITMQ, POSTGRES) },
  { name: 'rabbitmq-scale', folder: 'test/scale/rabbitmq/', ...both(RABBITMQ, POSTGRES) },
  { name: 'snssqs', folder: 'src/broker/snssqs/', ...SNSSQS },
  { name: 'snssqs-system', folder: 'test/e2e/snssqs/', ...SNSSQS },
  { name: 'snssqs-postgres', folder: 'test/e2e/snssqs-postgres/', ...POSTGRES },
  { name: 'redis', folder: 'src/cache/redis/', ...REDIS },
  { name: 'redis-system', folder: 'test/e2e/redis/', ...both(REDIS, both(RABBITMQ, POSTGRES)) },
  {
    name: 'mount',
    folder: 'test/fault/mount/',
    missing: async () => whyNoMount(),
    remedy: 'run as root, or where user namespaces are allowed',
    elsewhere: 'test/fault/full-disk.test.ts',
  },
];

type Needs = Pick<Adapter, 'missing' | 'remedy'>;

function both(one: Needs, other: Needs): Needs {
  return {
    missing: async () => (await one.missing()) ?? other.missing(),
    remedy: `${one.remedy}; ${other.remedy}`,
  };
}

async function missingPackage(name: string): Promise<string | null> {
  try {
    await import(name);
    return null;
  } catch (error) {
    return `${name} does not load: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** What `AZUD_TEST_REQUIRE` asks for. @throws Error when it names an adapter that does not exist */
export function requiredAdapters(value: string | undefined): ReadonlySet<string> {
  const words = (value ?? '').split(',').filter((word) => word !== '');
  const known = ADAPTERS.map(({ name }) => name);
  const unknown = words.find((word) => word !== 'all' && !known.includes(word.replace(/^-/, '')));
  if (unknown !== undefined) throw new Error(`AZUD_TEST_REQUIRE names ${unknown}; there are ${known.join(', ')}`);
  const asked = ADAPTERS.filter(({ name, elsewhere }) => words.includes(name) || (words.includes('all') && !elsewhere));
  return new Set(asked.map(({ name }) => name).filter((name) => !words.includes(`-${name}`)));
}
