import { AzudError, isAzudError, messageOf } from '../../error/azud-error.ts';
import { topicMissing } from '../errors.ts';

/** What AWS and its client can answer, in the catalogue's codes. */

const MISSING = /^(QueueDoesNotExist|NotFound|ResourceNotFound)|NonExistentQueue$/;
const THROTTLED = /Throttl|^(OverLimit|TooManyRequests|RequestLimitExceeded|SlowDown|PriorRequestNotComplete)/i;
const DENIED =
  /^(AccessDenied|Authorization|NotAuthorized|InvalidClientTokenId|UnrecognizedClient|SignatureDoesNotMatch|InvalidSignature|IncompleteSignature|InvalidAccessKeyId|MissingAuthenticationToken|ExpiredToken|RequestExpired|OptInRequired|InvalidSecurity|Kms(AccessDenied|NotFound|Disabled|InvalidState|OptInRequired)|KMS|Credentials|TokenProvider)/;
const OTHERWISE = /^(QueueNameExists|QueueAlreadyExists)/;
const SYSTEM_ERRORS = /^(?:ECONN|EHOST|ENET|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_)/;
const SILENT = /^(Abort|Timeout)Error$/;

/** What the SDK hangs on its errors. */
interface SdkError {
  readonly name?: string;
  readonly code?: unknown;
  readonly $fault?: 'client' | 'server';
  readonly $metadata?: { readonly httpStatusCode?: number };
}

/** @param where the service, or the queue or topic there, in words */
export function classified(error: unknown, where: string): AzudError {
  if (isAzudError(error)) return error;
  const { name = '', code, $metadata } = (error ?? {}) as SdkError;
  const status = $metadata?.httpStatusCode ?? 0;
  const systemCode = typeof code === 'string' ? code : '';
  // A refused connection to a name with two addresses has a code and no words; others have several lines of them.
  const [line = ''] = (messageOf(error) || systemCode || name).split('\n');
  if (SYSTEM_ERRORS.test(systemCode)) return unreachable(where, line, error);
  if (SILENT.test(name)) return unreachable(where, 'there was no answer in time', error);
  if (/region is missing/i.test(line)) return regionMissing(error);
  return refusal({ code: name, reason: line, status }, { where, cause: error });
}

/** One entry of a request that the service refused, while it may have taken others. */
export interface FailedEntry {
  readonly Code?: string | undefined;
  readonly Message?: string | undefined;
  readonly SenderFault?: boolean | undefined;
}

export function classifiedEntry({ Code = '', Message, SenderFault }: FailedEntry, where: string): AzudError {
  return refusal({ code: Code, reason: Message ?? Code, status: SenderFault ? 400 : 500 }, { where });
}

interface Refusal {
  readonly code: string;
  readonly reason: string;
  /** HTTP status, 0 when there was none. */
  readonly status: number;
}

function refusal({ code, reason, status }: Refusal, { where, cause }: { where: string; cause?: unknown }): AzudError {
  const words = reason.includes(code) ? reason : `${code}: ${reason}`;
  if (MISSING.test(code)) return topicMissing(where, words, cause);
  if (THROTTLED.test(code) || status === 429) return throttled(where, words, cause);
  if (DENIED.test(code) || status === 403) {
    return new AzudError('access-denied', `${where} refuses: ${words}`, {
      cause,
      hint: 'Check broker.access_key_id and its secret, or the role that the AWS SDK finds, and its rights.',
    });
  }
  if (OTHERWISE.test(code)) return otherwise(where, words, cause);
  if (status >= 500) return unreachable(where, words, cause);
  return new AzudError('unavailable', `${where}: ${words}`, { cause, retryAfterSeconds: 1 });
}

/** As safe to publish again as what the network swallowed: the store knows the batch by its id. */
export function unreachable(where: string, reason: string, cause?: unknown): AzudError {
  return new AzudError('not-connected', `${where} cannot be reached: ${reason}`, { cause, retryAfterSeconds: 1 });
}

/** Nothing was taken; a little later it will be. */
function throttled(where: string, reason: string, cause: unknown): AzudError {
  return new AzudError('overloaded', `${where} takes no more for the moment: ${reason}`, {
    cause,
    retryAfterSeconds: 1,
  });
}

/** Another process made a queue of that name between our look and our making it, with other attributes. */
function otherwise(where: string, reason: string, cause: unknown): AzudError {
  return new AzudError('unsafe-setting', `${where} is not as Azud makes it: ${reason}`, {
    cause,
    hint: 'Give another name in broker.queue, or set auto_declare: false to use it as it is.',
  });
}

export function tooLarge(bytes: number, bytesMax: number): AzudError {
  return new AzudError('too-large', `a message of ${bytes} bytes is over the limit of ${bytesMax} bytes`);
}

export function foreign(where: string): AzudError {
  return new AzudError('log-damaged', `${where} holds a message that was not published by Azud`);
}

export function misconfigured(message: string, cause?: unknown): AzudError {
  return new AzudError('invalid-config', message, { cause });
}

function regionMissing(cause: unknown): AzudError {
  return misconfigured('broker.region is not set, and neither AWS_REGION nor ~/.aws/config names a region', cause);
}
