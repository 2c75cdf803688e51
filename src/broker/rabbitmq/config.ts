import { boolean, bytes, integer, path, secret, string } from '../../lib/setting.ts';

/** Settings of `broker: { kind: rabbitmq }`. */
export const RABBITMQ_SETTINGS = {
  servers: string({
    description: 'Addresses of the RabbitMQ nodes, comma-separated.',
    default: '127.0.0.1:5672',
    example: 'rabbit-1:5671,rabbit-2:5671',
  }),
  vhost: string({ description: 'Virtual host.', default: '/', example: 'azud' }),
  user: string({ description: 'User name.', default: 'guest', example: 'azud' }),
  password: secret({
    description: 'Password of the user; without it `guest`, which RabbitMQ takes from its own host only.',
    default: null,
  }),
  tls: boolean({ description: 'Connect by TLS.', default: false }),
  ca: path({
    description: 'File with the certificate authority of the nodes, where it is not a public one.',
    default: null,
    example: './secrets/ca.pem',
  }),
  queue: string({
    description:
      'Name of the queue; without it `azud_<system.name>`. Its dead-letter exchange and queue end in `.dead`.',
    default: null,
    pattern: /^[A-Za-z0-9_.:-]{1,200}$/,
    expected: 'letters, digits and _ . : -',
    example: 'azud_flights',
  }),
  prefetch: integer({
    description: 'Batches that a loader holds before it has stored them: its unit of work is never larger.',
    default: 1_000,
    minimum: 1,
    maximum: 65_535,
  }),
  delivery_limit: integer({
    description:
      'A batch that comes back this often is moved to the dead-letter queue instead of coming again for ever.',
    default: 1_000,
    minimum: 1,
    maximum: 1_000_000,
  }),
  max_bytes: bytes({
    description:
      'Bytes that the queue may take; a publish above it is refused with `storage-full`. Without it: no limit.',
    default: null,
    example: '50GiB',
  }),
  auto_declare: boolean({
    description:
      'Azud makes the queue, its dead-letter exchange and queue; false leaves that to your infrastructure code.',
    default: true,
  }),
};
