import { duration, path, secret, string } from '../../lib/setting.ts';

/** `redis://user:password@host:port/database`, or `rediss://` by TLS; all but the host may be left out. */
export const REDIS_URL = /^rediss?:\/\/(?:[^@/?#\s]*@)?(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?(?:\/\d{0,5})?$/;
export const REDIS_URL_WORDS = 'redis://user:password@host:port/database, or rediss:// by TLS';

/** Settings of `cache: { kind: redis }`. */
export const REDIS_SETTINGS = {
  url: secret({
    description:
      'Address, `redis://` or by TLS `rediss://`, with everything in it. Without it: `redis://127.0.0.1:6379`.',
    default: null,
    example: 'rediss://azud@cache.internal:6379/0',
  }),
  password: secret({ description: 'Password, instead of one in `url`.', default: null }),
  ca: path({
    description: 'File with the certificate authority of the server, where it is not a public one.',
    default: null,
    example: './secrets/ca.pem',
  }),
  prefix: string({
    description:
      'First part of every key; without it `azud:<system.name>:`. Systems that share a Redis need different ones.',
    default: null,
    pattern: /^[A-Za-z0-9_.:{}-]{1,200}$/,
    expected: 'letters, digits and _ . : { } -',
    example: 'azud:flights:',
  }),
  timeout: duration({
    description: 'Longest time that one call may take; then the answer is made without the cache.',
    default: '150ms',
  }),
  transactions: duration({
    description:
      'How long a transaction is remembered for its receipt until it is stored, with a broker that cannot find it.',
    default: '15m',
  }),
};
