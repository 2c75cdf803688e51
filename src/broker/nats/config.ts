import { boolean, bytes, duration, integer, path, secret, string } from '../../lib/setting.ts';

/** Settings of `broker: { kind: nats }`. */
export const NATS_SETTINGS = {
  servers: string({
    description: 'Addresses of the NATS servers, comma-separated; `tls://` asks for TLS.',
    default: '127.0.0.1:4222',
    example: 'tls://nats-1:4222,tls://nats-2:4222',
  }),
  user: string({ description: 'User name.', default: null, example: 'azud' }),
  password: secret({ description: 'Password of the user.', default: null }),
  token: secret({ description: 'Token, for servers that ask for one instead of a user.', default: null }),
  credentials: path({
    description: 'File with a JWT and an nkey seed (`.creds`), for servers with operator accounts.',
    default: null,
    example: './secrets/azud.creds',
  }),
  ca: path({
    description: 'File with the certificate authority of the servers, where it is not a public one.',
    default: null,
    example: './secrets/ca.pem',
  }),
  stream: string({
    description: 'Name of the JetStream stream; without it `azud_<system.name>`.',
    default: null,
    pattern: /^[A-Za-z0-9_-]{1,255}$/,
    expected: 'letters, digits, _ and -',
    example: 'azud_flights',
  }),
  replicas: integer({
    description:
      'Servers that keep each message. Fewer than 3 asks for `sync_always`, `monitor_url` or `allow_unsafe`.',
    default: 3,
    minimum: 1,
    maximum: 5,
  }),
  max_bytes: bytes({
    description:
      'Bytes that the stream may take; a publish above it is refused with `storage-full`. Without it: no limit.',
    default: null,
    example: '50GiB',
  }),
  duplicate_window: duration({
    description: 'The server recognises a batch that is published again within this time.',
    default: '2m',
  }),
  monitor_url: string({
    description: "The server's monitoring address, where Azud reads whether it syncs before it acknowledges.",
    default: null,
    example: 'http://127.0.0.1:8222',
  }),
  sync_always: boolean({
    description: 'You state that every server runs with `sync_interval: always`, where Azud cannot see it.',
    default: false,
  }),
  auto_declare: boolean({
    description: 'Azud makes the stream when it is missing; false leaves that to your infrastructure code.',
    default: true,
  }),
  allow_unsafe: boolean({
    description: 'Accept a stream that may lose acknowledged events, for tests and trials.',
    default: false,
  }),
};
