import { AzudError, isAzudError, messageOf } from '../../error/azud-error.ts';
import { notConnected, tlsRefused, topicMissing } from '../errors.ts';

/** What RabbitMQ and its client can answer, in the catalogue's codes. */

const DENIED = new Set(['ACCESS_REFUSED', 'NOT_ALLOWED']);
const GONE = new Set([
  'CONN_CLOSE',
  'CLOSING',
  'CH_CLOSE',
  'SOCKET_ERR',
  'CONNECTION_FORCED',
  'CONNECTION_TIMEOUT',
  'TIMEOUT',
  'SOCKET_CLOSED',
  'CANCEL_FORCED',
  'UNEXPECTED_FRAME',
]);
const TLS_HINT = "Check broker.tls, broker.ca, the port, and that the host is a name in the server's certificate.";
const SYSTEM_ERRORS = /^(?:ECONN|EHOST|ENET|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_)/;

/** @param where the servers, or the queue on them, in words */
export function classified(error: unknown, where: string): AzudError {
  if (isAzudError(error)) return error;
  const code = (error as { code?: string } | null)?.code ?? '';
  // The client begins with the method that was answered, where there was none with this.
  const reason = messageOf(error).replace(/^undefined: /, '');
  if (DENIED.has(code)) return new AzudError('access-denied', `${where} refuses: ${reason}`, { cause: error });
  if (code === 'NOT_FOUND') return topicMissing(where, reason, error);
  if (code === 'PRECONDITION_FAILED') return otherwise(where, reason, error);
  if (code === 'NACK') {
    return new AzudError('storage-full', `${where} takes no more: its max_bytes is reached`, {
      cause: error,
      retryAfterSeconds: 5,
    });
  }
  const refused = tlsRefused(where, error, TLS_HINT);
  if (refused) return refused;
  if (GONE.has(code) || SYSTEM_ERRORS.test(code)) return notConnected(where, error);
  return new AzudError('unavailable', `${where}: ${reason}`, { cause: error, retryAfterSeconds: 1 });
}

export function tooLarge(bytes: number, bytesMax: number): AzudError {
  return new AzudError('too-large', `a message of ${bytes} bytes is over the limit of ${bytesMax} bytes`);
}

/** It may be kept all the same: whoever sends it again sends the same batch, which is stored once. */
export function unconfirmed(where: string, ms: number): AzudError {
  return new AzudError('unavailable', `${where} did not confirm within ${ms / 1_000} s`, { retryAfterSeconds: 1 });
}

export function foreign(where: string): AzudError {
  return new AzudError('log-damaged', `${where} holds a message that was not published by Azud`);
}

/** The queue is there and is another: perhaps not a quorum queue, perhaps one that drops what does not fit. */
function otherwise(where: string, reason: string, cause: unknown): AzudError {
  return new AzudError('unsafe-setting', `${where} is not as Azud makes it: ${reason}`, {
    cause,
    hint: 'Remove the queue when it is empty, give another name in broker.queue, or set auto_declare: false to use it as it is.',
  });
}
