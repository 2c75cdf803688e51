import { AzudError, isAzudError, type RowError } from '../error/azud-error.ts';
import { CATALOGUE, type ErrorCode, rowCode } from '../error/catalogue.ts';
import { INTAKE_LIMITS } from '../limits.ts';
import { jsonAnswer, type TextAnswer } from './answer.ts';

/** RFC 9457, as every error leaves Azud. */
export interface Problem {
  /** `/problems/{code}`, a page this server answers. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  /** What happened to what. */
  readonly detail: string;
  readonly code: ErrorCode;
  /** What to do next. */
  readonly hint: string;
  readonly request_id: string;
  /** Present where there are several, or where the error names a place in the body. */
  readonly errors?: readonly RowError[];
}

export const PROBLEM_TYPE = 'application/problem+json';

/** Answers that ask to come again say when; seconds. */
const RETRY_AFTER_SECONDS = 1;
const RETRY_AFTER_STATUSES: ReadonlySet<number> = new Set([429, 503, 507]);

export function problemOf(error: AzudError, requestId: string): Problem {
  const { status, title } = error.entry;
  const errors = listedErrors(error);
  return {
    type: `/problems/${error.code}`,
    title,
    status,
    detail: error.message,
    code: error.code,
    hint: error.hint,
    request_id: requestId,
    ...(errors.length > 0 && { errors }),
  };
}

/** The problem as an answer, with Retry-After where the status asks for one and the error's own headers. */
export function problemAnswer(error: AzudError, requestId: string): TextAnswer {
  const { status } = error.entry;
  const retry = RETRY_AFTER_STATUSES.has(status)
    ? { 'retry-after': String(Math.max(1, Math.ceil(error.retryAfterSeconds ?? RETRY_AFTER_SECONDS))) }
    : {};
  const answer = jsonAnswer(status, problemOf(error, requestId), { ...retry, ...error.headers });
  return { ...answer, headers: { ...answer.headers, 'content-type': PROBLEM_TYPE } };
}

/** Anything thrown as one of ours. What is not ours is `internal`, and its words stay in the log. */
export function asAzudError(error: unknown): AzudError {
  if (isAzudError(error)) return error;
  return new AzudError('internal', 'an unexpected error; the log has it', { cause: error });
}

/** Is it the caller's mistake or a known state, or must somebody look at the log? */
export function isUnexpected(error: AzudError): boolean {
  return error.code === 'internal';
}

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(CATALOGUE, text);
}

function listedErrors(error: AzudError): readonly RowError[] {
  if (error.errors.length > 0) return error.errors.slice(0, INTAKE_LIMITS.errorsListedMax);
  if (error.path === undefined) return [];
  return [{ path: error.path, code: rowCode(error.code), message: error.message }];
}
