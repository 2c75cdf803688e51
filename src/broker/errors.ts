import { AzudError, messageOf } from '../error/azud-error.ts';
import { isTlsCode } from '../error/tls.ts';

/** What every server behind a network can do to its clients, in the catalogue's codes. */

/**
 * Safe to publish again although it may have been written: the server or the store knows the batch by its id, far longer
 * than the portable broker goes on trying.
 * @param where the server, or what is asked for on it, in words
 */
export function notConnected(where: string, cause?: unknown): AzudError {
  const reason = cause === undefined ? 'the connection is closed' : messageOf(cause);
  return new AzudError('not-connected', `${where} cannot be reached: ${reason}`, { cause, retryAfterSeconds: 1 });
}

/** Node's code for a server that answers TLS with something else. */
const NO_TLS = 'EPROTO';
/** OpenSSL's own report: `…:SSL routines:<function>:<reason>:<file>:<line>:` and an end of line. */
const OPENSSL = /:SSL routines:[^:]*:([^:]+):/;

/** Null when the error is not about TLS. What is wrong with a certificate or a setting does not pass by waiting. */
export function tlsRefused(where: string, cause: unknown, hint: string): AzudError | null {
  const { code } = (cause ?? {}) as { code?: unknown };
  if (typeof code !== 'string' || !(code === NO_TLS || isTlsCode(code))) return null;
  const message = messageOf(cause);
  const found = OPENSSL.exec(message)?.[1] ?? message;
  const reason = found === 'wrong version number' ? 'the server does not speak TLS there' : found;
  return new AzudError('access-denied', `${where}: ${reason}`, { cause, hint });
}

export function topicMissing(where: string, reason: string, cause?: unknown): AzudError {
  return new AzudError('topic-missing', `${where} is missing: ${reason}`, { cause });
}
