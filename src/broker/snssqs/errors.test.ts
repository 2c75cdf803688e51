import assert from 'node:assert/strict';
import { test } from 'node:test';
import { classified } from './errors.ts';

/** As the SDK throws them: a name, perhaps a system code, and the HTTP status. */
function sdkError(name: string, { message = 'as the test asks', code = '', status = 400 } = {}): Error {
  return Object.assign(new Error(message), {
    name,
    ...(code && { code }),
    $metadata: status ? { httpStatusCode: status } : {},
  });
}

for (const [code, names] of Object.entries({
  'access-denied': [
    'AccessDenied',
    'AccessDeniedException',
    'AuthorizationErrorException',
    'CredentialsProviderError',
    'ExpiredTokenException',
    'InvalidClientTokenId',
    'KmsAccessDenied',
    'SignatureDoesNotMatch',
    'UnrecognizedClientException',
  ],
  'topic-missing': ['QueueDoesNotExist', 'NotFound', 'NotFoundException', 'AWS.SimpleQueueService.NonExistentQueue'],
  overloaded: ['ThrottlingException', 'Throttling', 'RequestThrottled', 'KmsThrottled', 'OverLimit', 'TooManyRequests'],
  'unsafe-setting': ['QueueNameExists', 'QueueAlreadyExists'],
  unavailable: ['InvalidParameterValue', 'UnsupportedOperation'],
})) {
  test(`what AWS says is ${code}: ${names.join(', ')}`, () => {
    for (const name of names) {
      const error = classified(sdkError(name), 'queue q at eu-west-1');
      assert.equal(error.code, code, name);
      assert.match(error.message, /^queue q at eu-west-1/);
      assert.ok(error.message.includes(name), error.message);
    }
  });
}

test('what never arrived, what hung and what AWS failed at may be sent again', () => {
  for (const error of [
    sdkError('Error', { message: 'connect ECONNREFUSED 127.0.0.1:1', code: 'ECONNREFUSED', status: 0 }),
    sdkError('Error', { message: '', code: 'ENOTFOUND', status: 0 }),
    sdkError('TimeoutError', { status: 0 }),
    sdkError('AbortError', { status: 0 }),
    sdkError('InternalError', { status: 500 }),
    sdkError('ServiceUnavailable', { status: 503 }),
  ]) {
    assert.equal(classified(error, 'q').code, 'not-connected', error.message);
    assert.equal(classified(error, 'q').entry.retryable, true);
  }
});

test('a status speaks where the name does not', () => {
  assert.equal(classified(sdkError('UnknownError', { status: 429 }), 'q').code, 'overloaded');
  assert.equal(classified(sdkError('UnknownError', { status: 403 }), 'q').code, 'access-denied');
});

test('a missing region is a matter of configuration', () => {
  const error = classified(new Error('Region is missing'), 'q');
  assert.equal(error.code, 'invalid-config');
  assert.match(error.message, /broker\.region.*AWS_REGION/);
});

test('says one line, however many the client has', () => {
  const error = classified(
    sdkError('SyntaxError', { message: 'Unexpected token\n  Deserialization error', status: 200 }),
    'q',
  );
  assert.equal(error.message, 'q: SyntaxError: Unexpected token');
});
