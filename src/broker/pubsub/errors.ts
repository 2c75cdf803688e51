import { AzudError, isAzudError, messageOf } from '../../error/azud-error.ts';
import { notConnected, topicMissing } from '../errors.ts';

/** What Pub/Sub and its client can answer, in the catalogue's codes. */

/** The status codes of gRPC that mean something of their own here. */
export const STATUS = {
  cancelled: 1,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** The call has not reached the service, or the service takes it again. */
const BROKEN: ReadonlySet<number | undefined> = new Set([
  STATUS.cancelled,
  STATUS.aborted,
  STATUS.internal,
  STATUS.unavailable,
]);
const UNREACHABLE = /^(?:ECONN|EHOST|ENET|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_)/;
const DENIED: ReadonlySet<number | undefined> = new Set([STATUS.permissionDenied, STATUS.unauthenticated]);

/** gRPC's status of an error; undefined when it is none of gRPC. */
export function statusOf(error: unknown): number | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'number' ? code : undefined;
}

/** @param where the project, or what lies in it, in words */
export function classified(error: unknown, where: string): AzudError {
  if (isAzudError(error)) return error;
  const status = statusOf(error);
  if (DENIED.has(status)) return accessDenied(where, error);
  if (status === STATUS.notFound) return topicMissing(where, reasonOf(error), error);
  if (BROKEN.has(status)) return notConnected(where, new Error(reasonOf(error), { cause: error }));
  const known = { cause: error, retryAfterSeconds: 1 };
  if (status === STATUS.deadlineExceeded) return new AzudError('unavailable', `${where} did not answer in time`, known);
  return new AzudError('unavailable', `${where}: ${reasonOf(error)}`, known);
}

/** Without what gRPC writes around it: the status, and that there is no connection. */
function reasonOf(error: unknown): string {
  const reason = messageOf(error)
    .replace(/^\d+ [A-Z_]+: /, '')
    .replace(/^No connection established\. Last error: (?:Error: )?/, '')
    .replace(/\.? Resolution note: \.?$/, '');
  return reason || `status ${statusOf(error)}`;
}

function accessDenied(where: string, cause: unknown): AzudError {
  return new AzudError('access-denied', `${where} refuses: ${reasonOf(cause)}`, {
    cause,
    hint: 'Give the account the roles pubsub.viewer, pubsub.publisher and pubsub.subscriber; to make the topic and the subscription, pubsub.editor.',
  });
}

/** They are not there, are not credentials, or Google does not take them; or nobody can be asked. */
export function badCredentials(file: string | null, cause: unknown): AzudError {
  const which = file === null ? "Google's default credentials" : `the credentials ${file}`;
  const { code } = cause as { code?: unknown };
  if (typeof code === 'string' && UNREACHABLE.test(code)) return notConnected(`the server that checks ${which}`, cause);
  return new AzudError('access-denied', `${which} cannot be used: ${reasonOf(cause)}`, {
    cause,
    hint: 'Name the key file of a service account in broker.credentials, or run gcloud auth application-default login.',
  });
}

export function noProject(cause: unknown): AzudError {
  return new AzudError('invalid-config', `the credentials name no project: ${reasonOf(cause)}`, {
    cause,
    hint: 'Name the Google Cloud project in broker.project.',
  });
}

export function tooLarge(bytes: number, bytesMax: number): AzudError {
  return new AzudError('too-large', `a message of ${bytes} bytes is over the limit of ${bytesMax} bytes of Pub/Sub`);
}

export function foreign(where: string): AzudError {
  return new AzudError('log-damaged', `${where} holds a message that was not published by Azud`);
}

/** The service takes a setting otherwise, or not at all. */
export function refusedSetting(where: string, cause: unknown): AzudError {
  return new AzudError('invalid-config', `${where}: ${reasonOf(cause)}`, {
    cause,
    hint: 'Correct the setting of broker that the service names.',
  });
}
