import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { asSuperuser, Cluster, freshPostgres } from '../../support/postgres.ts';
import { checkCases } from '../suites/check.ts';

/** A server that asks for passwords, with a user who may sign in and nothing else. */
let cluster: Cluster | null = null;
let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'azud-hba-'));
  await chmod(folder, 0o755);
  const rules = join(folder, 'pg_hba.conf');
  await writeFile(rules, 'host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n');
  cluster = await Cluster.start([`hba_file = '${rules}'`]);
  const { url } = cluster;
  await asSuperuser("CREATE ROLE azud LOGIN PASSWORD 'right'; CREATE SCHEMA taken", url);
});
after(async () => {
  await cluster?.remove();
  await rm(folder, { recursive: true, force: true });
});

const port = () => Number(new URL(cluster?.url ?? 'postgres://127.0.0.1:1').port);
const store = (settings: object) => ({
  kind: 'postgres',
  port: port(),
  user: 'azud',
  password: 'right',
  ...settings,
});

checkCases({ broker: { kind: 'log' }, store: freshPostgres() }, () => [
  {
    name: 'a host that cannot be reached',
    store: store({ port: 1 }),
    words: [/postgres azud@127\.0\.0\.1:1\/postgres: .*ECONNREFUSED/, /Check store\.host and store\.port/],
    code: 69,
  },
  {
    name: 'a wrong password',
    store: store({ password: 'wrong' }),
    words: [/azud@127\.0\.0\.1:\d+\/postgres: password authentication failed/, /Check store\.user and its password/],
    code: 69,
    lasting: true,
  },
  {
    name: 'a database that is not there',
    store: store({ database: 'nowhere' }),
    words: [/\/nowhere: database "nowhere" does not exist/, /Check store\.database, or make it/],
    code: 69,
  },
  {
    name: 'a schema that the user may not make',
    store: store({}),
    words: [/permission denied for database/, /Let store\.user make store\.schema/],
    code: 69,
  },
  {
    name: 'missing rights on the tables of a schema',
    store: store({ schema: 'taken' }),
    words: [/the user azud may not use the schema taken/, /GRANT USAGE, CREATE ON SCHEMA "taken" TO "azud"/],
    code: 69,
    lasting: true,
  },
  {
    name: 'a reader that is not there',
    store: { ...freshPostgres(), reader: 'azud_nobody' },
    words: [/store\.reader names the user azud_nobody/, /CREATE ROLE "azud_nobody" LOGIN/],
    code: 69,
    lasting: true,
  },
  {
    name: 'a missing client package',
    hidden: 'pg pg-copy-streams',
    words: [/npm install pg pg-copy-streams/],
    code: 2,
  },
]);
