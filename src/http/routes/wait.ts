import { AzudError } from '../../error/azud-error.ts';
import { INTAKE_LIMITS } from '../../limits.ts';
import type { Parameter } from './route.ts';
import { inQuery, text } from './shapes.ts';

const WAIT_DEFAULT_MS = 10_000;

export const WAIT_PARAMETERS: readonly Parameter[] = [
  inQuery('wait', 'Answer when the events are stored.', { enum: ['stored'] }),
  inQuery('timeout', 'Longest wait, such as `500ms` or `10s`.', { ...text, default: '10s' }),
];
export const WAIT_NAMES: readonly string[] = WAIT_PARAMETERS.map(({ name }) => name);

/** How long the caller waits for its events to be stored, ms; 0: not at all. @throws AzudError `invalid-parameter` */
export function readWaitMs(given: ReadonlyMap<string, string>): number {
  const wait = given.get('wait');
  if (wait !== undefined && wait !== 'stored') throw invalid('wait', 'must be stored');
  const timeoutMs = readTimeoutMs(given.get('timeout'));
  return wait === undefined ? 0 : timeoutMs;
}

function readTimeoutMs(given: string | undefined): number {
  if (given === undefined) return WAIT_DEFAULT_MS;
  const [, digits = '', unit] = /^(\d{1,6})(ms|s)$/.exec(given) ?? [];
  const ms = Number(digits) * (unit === 's' ? 1_000 : 1);
  if (ms >= 1 && ms <= INTAKE_LIMITS.waitMsMax) return ms;
  throw invalid('timeout', `must be a time such as 500ms or 10s, at most ${INTAKE_LIMITS.waitMsMax / 1_000}s`);
}

export function invalid(name: string, what: string): AzudError {
  return new AzudError('invalid-parameter', `${name} ${what}`, { path: name });
}
