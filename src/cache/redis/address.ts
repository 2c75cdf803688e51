import { AzudError } from '../../error/azud-error.ts';
import { REDIS_URL, REDIS_URL_WORDS } from './config.ts';

/** Where a Redis is, and as whom it is asked. */
export interface Address {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly database: number;
}

const PORT = 6379;

/** @throws AzudError `invalid-config`; what the address holds is a secret and not shown */
export function addressOf(url: string | null, password: string | null): Address {
  const text = url ?? `redis://127.0.0.1:${PORT}`;
  const parsed = REDIS_URL.test(text) ? URL.parse(text) : null;
  if (!parsed) throw new AzudError('invalid-config', `cache.url must be ${REDIS_URL_WORDS}`);
  return {
    host: parsed.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: parsed.port === '' ? PORT : Number(parsed.port),
    tls: parsed.protocol === 'rediss:',
    user: decodeURIComponent(parsed.username) || undefined,
    password: (password ?? decodeURIComponent(parsed.password)) || undefined,
    database: Number(parsed.pathname.slice(1)),
  };
}
