import { AzudError, messageOf } from '../error/azud-error.ts';

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

export function topicMissing(where: string, reason: string, cause?: unknown): AzudError {
  return new AzudError('topic-missing', `${where} is missing: ${reason}`, { cause });
}
