import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { after, before } from 'node:test';
import { freshNats, NatsServer } from '../../support/nats.ts';
import { checkCases } from '../suites/check.ts';

let server: NatsServer | null = null;
const silent = createServer();
before(async () => {
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  server = await NatsServer.start('--user', 'azud', '--pass', 'right');
});
after(async () => {
  await server?.stop();
  silent.close();
});

const broker = freshNats();
const locked = () => ({ ...broker, servers: `127.0.0.1:${server?.port}`, user: 'azud', password: 'wrong' });
const mute = () => ({ ...broker, servers: `127.0.0.1:${(silent.address() as AddressInfo | null)?.port}` });

checkCases({ broker, store: { kind: 'duckdb' } }, () => [
  {
    name: 'a host that cannot be reached',
    broker: { ...broker, servers: '127.0.0.1:1' },
    words: [/nats 127\.0\.0\.1:1 cannot be reached: connection refused/, /Check the address/],
    code: 69,
  },
  {
    name: 'a host that has no address',
    broker: { ...broker, servers: 'nowhere.invalid:4222' },
    words: [/nats nowhere\.invalid:4222 cannot be reached/, /Check the address/],
    code: 69,
  },
  {
    name: 'a server that takes connections and never greets',
    broker: mute(),
    words: [/nats \S+ cannot be reached: no NATS server greets there within 5 s/, /Check the address/],
    code: 69,
  },
  {
    name: 'wrong credentials',
    broker: locked(),
    words: [/nats 127\.0\.0\.1:\d+ refuses: .*authorization/i, /Check the user, the secret/],
    code: 69,
    lasting: true,
  },
  {
    name: 'a missing stream',
    broker: { ...broker, stream: 'azud_test_never_made', auto_declare: false },
    words: [/the server has no stream azud_test_never_made/, /azud topology apply/],
    code: 69,
    lasting: true,
  },
  {
    name: 'a missing client package',
    hidden: '@nats-io/transport-node @nats-io/jetstream',
    words: [/npm install @nats-io\/transport-node @nats-io\/jetstream/],
    code: 2,
  },
]);
