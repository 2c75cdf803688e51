import { errors } from '@nats-io/transport-node';
import { AzudError, isAzudError, messageOf } from '../../error/azud-error.ts';
import { notConnected, topicMissing } from '../errors.ts';

/** What a NATS server and its client can answer, in the catalogue's codes. */

/** `err_code` of the JetStream API, as nats-server's errors.json lists them. */
const STREAM_NOT_FOUND = 10059;
const NO_STREAM = new Set([STREAM_NOT_FOUND, 10060]);
const NO_ROOM = new Set([10023, 10028, 10047]);
/** The stream could not write it; the words say whether for want of room. */
const STORE_FAILED = 10077;
const TOO_LARGE = 10054;
/** Replicas on a server without a cluster, and on a cluster with too few. */
const CLUSTER_TOO_SMALL = new Set([10074, 10005]);
const NOT_ENABLED = new Set([10039, 10076]);
const SYSTEM_ERRORS = /^(?:ECONN|EHOST|ENET|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_)/;

export function isStreamMissing(error: unknown): boolean {
  return errorCode(error) === STREAM_NOT_FOUND;
}

/** @param where the servers, or the stream on them, in words */
export function classified(error: unknown, where: string): AzudError {
  if (isAzudError(error)) return error;
  const reason = messageOf(error);
  if (isDenied(error)) return new AzudError('access-denied', `${where} refuses: ${reason}`, { cause: error });
  const apiCode = errorCode(error);
  if (typeof apiCode === 'number') return apiError(apiCode, error, where);
  if (error instanceof errors.InvalidArgumentError) return new AzudError('too-large', reason, { cause: error });
  if (nameOf(error) === 'JetStreamNotEnabled' || error instanceof errors.NoRespondersError) {
    return topicMissing(where, 'nothing there takes the message', error);
  }
  if (isDisconnect(error, apiCode)) return notConnected(where, error);
  if (error instanceof errors.TimeoutError || nameOf(error) === 'TimeoutError') {
    return new AzudError('unavailable', `${where} did not answer in time`, { cause: error, retryAfterSeconds: 1 });
  }
  return new AzudError('unavailable', `${where}: ${reason}`, { cause: error, retryAfterSeconds: 1 });
}

function apiError(code: number, error: unknown, where: string): AzudError {
  const reason = messageOf(error);
  if (NO_STREAM.has(code)) return topicMissing(where, reason, error);
  if (NOT_ENABLED.has(code)) {
    const hint = 'Start nats-server with jetstream { store_dir: … }, and enable it for this account.';
    return new AzudError('topic-missing', `${where}: ${reason}`, { cause: error, hint });
  }
  if (code === TOO_LARGE) return new AzudError('too-large', `${where}: ${reason}`, { cause: error });
  if (NO_ROOM.has(code) || (code === STORE_FAILED && /maximum|space|insufficient/.test(reason))) {
    return new AzudError('storage-full', `${where} takes no more: ${reason}`, { cause: error, retryAfterSeconds: 5 });
  }
  return new AzudError('unavailable', `${where}: ${reason}`, { cause: error, retryAfterSeconds: 1 });
}

function isDenied(error: unknown): boolean {
  const causes = [error, (error as Error | null)?.cause];
  return causes.some(
    (each) => each instanceof errors.AuthorizationError || each instanceof errors.PermissionViolationError,
  );
}

function isDisconnect(error: unknown, code: string | number | undefined): boolean {
  if (typeof code === 'string' && SYSTEM_ERRORS.test(code)) return true;
  const { ClosedConnectionError, ConnectionError, DrainingConnectionError } = errors;
  const causes = [error, (error as Error | null)?.cause];
  return causes.some(
    (each) =>
      each instanceof ClosedConnectionError ||
      each instanceof ConnectionError ||
      each instanceof DrainingConnectionError,
  );
}

function errorCode(error: unknown): string | number | undefined {
  return (error as { code?: string | number } | null)?.code;
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : '';
}

/** The one server that is there cannot keep as many copies. */
export function tooFewServers(where: string, replicas: number, cause: unknown): AzudError {
  return new AzudError('invalid-config', `${where} with replicas: ${replicas}: ${messageOf(cause)}`, {
    cause,
    hint: 'Run that many servers as a cluster; or set replicas: 1 and see docs/guide/brokers.md for what one server must do.',
  });
}

export function isClusterTooSmall(error: unknown): boolean {
  return CLUSTER_TOO_SMALL.has(Number(errorCode(error)));
}

export function unsafe(where: string, reason: string, remedy: string): AzudError {
  return new AzudError('unsafe-setting', `${where}: ${reason}`, { hint: `${remedy}, or set allow_unsafe: true.` });
}

/** What it took under other subjects would never be read. */
export function otherSubjects(where: string, lacking: readonly string[]): AzudError {
  return new AzudError('topic-missing', `${where} does not take the subjects ${lacking.join(' and ')}`, {
    hint: 'Add them if you made the stream; one of an older Azud cannot be gone on with: set another broker.stream, and an empty store.',
  });
}

export function tooLarge(bytes: number, bytesMax: number): AzudError {
  return new AzudError('too-large', `a message of ${bytes} bytes is over the limit of ${bytesMax} bytes of the server`);
}

export function foreign(where: string, sequence: number): AzudError {
  return new AzudError('log-damaged', `${where}: message ${sequence} was not published by Azud`);
}

export function behind(where: string, sequence: number): AzudError {
  return new AzudError('unavailable', `${where} was not read up to ${sequence} in time`, { retryAfterSeconds: 1 });
}

export function otherStream(stream: string, here: string): AzudError {
  return new AzudError('log-behind', `the store has read the stream ${stream}, but this is ${here}`);
}

export function aheadOfStream(offset: number, end: number): AzudError {
  return new AzudError('log-behind', `the store has come to ${offset}, but the stream ends at ${end}`);
}

export function removedBefore(offset: number, first: number): AzudError {
  return new AzudError(
    'log-behind',
    `the store has come to ${offset}, but the stream begins at ${first}: what lay between was removed`,
  );
}
