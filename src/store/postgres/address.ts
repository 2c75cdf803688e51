import { readFileSync } from 'node:fs';
import { AzudError, messageOf } from '../../error/azud-error.ts';
import { type IdentityCheck, identityCheck } from '../../lib/server-identity.ts';
import type { PostgresStoreConfig, Tls } from './config.ts';

/** Where the server is and as whom to go there: `url` and the settings beside it as one. */
export interface Address {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string | undefined;
  readonly database: string;
  readonly ssl: false | TlsOptions;
}

interface TlsOptions {
  readonly rejectUnauthorized: boolean;
  readonly ca?: string;
  readonly checkServerIdentity: IdentityCheck;
}

/** @throws AzudError `invalid-config` when the URL is none, or the certificate cannot be read */
export function addressOf(config: PostgresStoreConfig): Address {
  const url = config.url ? parseUrl(config.url) : null;
  const host = config.host ?? url?.host ?? '127.0.0.1';
  // `off` is also what stands there when nobody said anything: it overrules no sslmode.
  const tls = config.tls && config.tls !== 'off' ? config.tls : (url?.tls ?? 'off');
  return {
    host,
    port: config.port ?? url?.port ?? 5432,
    user: config.user ?? url?.user ?? 'postgres',
    password: config.password ?? url?.password ?? undefined,
    database: config.database ?? url?.database ?? 'postgres',
    ssl: sslOf(tls, host, config.tls_ca ?? url?.authority ?? null),
  };
}

/** The reader's own door; the same one where there is no reader. */
export function readerAddress(address: Address, { reader, reader_password }: PostgresStoreConfig): Address {
  return reader ? { ...address, user: reader, password: reader_password ?? undefined } : address;
}

/** For messages: never the password. */
export function placeOf({ user, host, port, database }: Address): string {
  return `postgres ${user}@${host}:${port}/${database}`;
}

interface UrlParts {
  readonly host: string | null;
  readonly port: number | null;
  readonly user: string | null;
  readonly password: string | null;
  readonly database: string | null;
  readonly tls: Tls | null;
  readonly authority: string | null;
}

function parseUrl(text: string): UrlParts {
  const url = URL.parse(text);
  if (!url || !/^postgres(ql)?:$/.test(url.protocol)) {
    throw new AzudError('invalid-config', 'store.url must look like postgres://user@host:5432/database');
  }
  const part = (value: string) => (value === '' ? null : decodeURIComponent(value));
  return {
    host: part(url.hostname.replace(/^\[|\]$/g, '')),
    port: url.port === '' ? null : Number(url.port),
    user: part(url.username),
    password: part(url.password),
    database: part(url.pathname.slice(1)),
    tls: tlsOf(url.searchParams.get('sslmode')),
    authority: authorityOf(url.searchParams.get('sslrootcert')),
  };
}

function tlsOf(sslmode: string | null): Tls | null {
  if (sslmode === null || sslmode === 'prefer' || sslmode === 'allow') return null;
  if (sslmode === 'disable') return 'off';
  return sslmode === 'require' ? 'require' : 'verify-full';
}

/** `system` are the authorities that Node knows. */
function authorityOf(sslrootcert: string | null): string | null {
  return sslrootcert === 'system' ? null : sslrootcert;
}

function sslOf(tls: Tls, host: string, authority: string | null): Address['ssl'] {
  if (tls === 'off') return false;
  try {
    const ca = authority === null ? {} : { ca: readFileSync(authority, 'utf8') };
    return { rejectUnauthorized: tls === 'verify-full', ...ca, checkServerIdentity: identityCheck([host]) };
  } catch (cause) {
    throw new AzudError('invalid-config', `store.tls_ca cannot be read: ${messageOf(cause)}`, { cause });
  }
}
