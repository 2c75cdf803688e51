import assert from 'node:assert/strict';
import { test } from 'node:test';
import { classified } from './errors.ts';

/** As gRPC's client makes them. */
function grpcError(code: number, message: string): Error {
  return Object.assign(new Error(message), { code });
}

for (const [code, message, expected, words] of [
  [7, '7 PERMISSION_DENIED: User not authorized to perform this action.', 'access-denied', /refuses: User not author/],
  [16, '16 UNAUTHENTICATED: Request had invalid authentication credentials.', 'access-denied', /invalid authent/],
  [5, '5 NOT_FOUND: Resource not found (resource=orders).', 'topic-missing', /is missing: Resource not found/],
  [14, '14 UNAVAILABLE: read ECONNRESET', 'not-connected', /cannot be reached: read ECONNRESET/],
  [
    14,
    '14 UNAVAILABLE: No connection established. Last error: Error: connect ECONNREFUSED 127.0.0.1:1. Resolution note: .',
    'not-connected',
    /cannot be reached: connect ECONNREFUSED 127\.0\.0\.1:1$/,
  ],
  [1, '1 CANCELLED: Call cancelled', 'not-connected', /Call cancelled/],
  [13, '13 INTERNAL: Received RST_STREAM with code 2', 'not-connected', /RST_STREAM/],
  [4, '4 DEADLINE_EXCEEDED: Deadline exceeded after 10s', 'unavailable', /did not answer in time/],
  [8, '8 RESOURCE_EXHAUSTED: Quota exceeded for quota metric', 'unavailable', /Quota exceeded/],
  [2, '', 'unavailable', /status 2/],
] as const) {
  test(`${message.slice(0, 40) || `status ${code}`} of gRPC is ${expected}, in words without its own`, () => {
    const error = classified(grpcError(code, message), 'topic orders');
    assert.equal(error.code, expected);
    assert.match(error.message, words);
    assert.match(error.message, /^topic orders/);
    assert.doesNotMatch(error.message, /[A-Z]{4}_?[A-Z]*: /);
  });
}
