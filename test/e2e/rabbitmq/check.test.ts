import { freshRabbitmq } from '../../support/rabbitmq.ts';
import { checkCases } from '../suites/check.ts';

const broker = freshRabbitmq();

checkCases({ broker, store: { kind: 'duckdb' } }, () => [
  {
    name: 'a host that cannot be reached',
    broker: { ...broker, servers: '127.0.0.1:1' },
    words: [/rabbitmq guest@127\.0\.0\.1:1 cannot be reached: .*ECONNREFUSED/, /Check the address/],
    code: 69,
  },
  {
    name: 'wrong credentials',
    broker: { ...broker, password: 'wrong' },
    words: [/rabbitmq guest@\S+ refuses: /, /Check the user, the secret/],
    code: 69,
    lasting: true,
  },
  {
    name: 'a virtual host that is not there',
    broker: { ...broker, vhost: 'nowhere' },
    words: [/rabbitmq guest@\S+\/nowhere refuses: .*vhost nowhere not found/, /Check the user/],
    code: 69,
  },
  {
    name: 'a missing queue',
    broker: { ...broker, queue: 'azud_test_never_made', auto_declare: false },
    words: [/the server has no queue azud_test_never_made/, /azud topology apply/],
    code: 69,
  },
  {
    name: 'a server without TLS',
    broker: { ...broker, tls: true },
    words: [/rabbitmq guest@\S+: the server does not speak TLS there/, /Check broker\.tls/],
    code: 69,
    lasting: true,
  },
  {
    name: 'an authority that cannot be read',
    broker: { ...broker, ca: './nowhere.pem' },
    words: [/broker\.ca cannot be read: ENOENT/, /Correct the lines named/],
    code: 2,
    lasting: true,
  },
  {
    name: 'a missing client package',
    hidden: 'rabbitmq-client',
    words: [/npm install rabbitmq-client/],
    code: 2,
  },
]);
