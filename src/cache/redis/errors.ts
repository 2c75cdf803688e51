import { ErrorReply } from 'redis';
import { AzudError, isAzudError, messageOf } from '../../error/azud-error.ts';

/** What Redis and its client can answer, in the catalogue's codes. */

const DENIED = /^(?:WRONGPASS|NOAUTH|NOPERM|ERR AUTH|ERR invalid password)/;

/** @param where the server, in words */
export function classified(error: unknown, where: string): AzudError {
  if (isAzudError(error)) return error;
  const reason = messageOf(error);
  if (DENIED.test(reason)) return new AzudError('access-denied', `${where} refuses: ${reason}`, { cause: error });
  // The server is there and does not do this now: it is full, loading, or a replica.
  if (error instanceof ErrorReply) return new AzudError('unavailable', `${where}: ${reason}`, { cause: error });
  return notConnected(where, reason, error);
}

export function notConnected(where: string, reason: string, cause?: unknown): AzudError {
  return new AzudError('not-connected', `${where} cannot be reached: ${reason}`, { cause });
}
