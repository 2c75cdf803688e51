import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AzudError } from '../error/azud-error.ts';
import type { Clock } from '../lib/clock.ts';
import { Authenticator, allows, authorize, type RequiredScope, type TokenSettings } from './auth.ts';

class SetClock implements Clock {
  time = 1_000_000;
  now = () => this.time;
  monotonic = () => this.time;
  sleep = async () => {};
}

const SECRET = 'a-secret-of-enough-characters';

function token(more: Partial<TokenSettings> = {}): TokenSettings {
  return { name: 'airline', secret: SECRET, scopes: ['query:*'], expiresAt: null, ratePerSecond: null, ...more };
}

function caught(action: () => unknown): AzudError {
  try {
    action();
  } catch (error) {
    return error as AzudError;
  }
  return assert.fail('nothing was thrown');
}

test('a right token is known by name and scopes', () => {
  const auth = new Authenticator(
    [token(), token({ name: 'other', secret: 'azud_7f3a_0123456789abcdef' })],
    new SetClock(),
  );
  assert.deepEqual(auth.authenticate(`Bearer ${SECRET}`), { name: 'airline', scopes: ['query:*'] });
  assert.equal(auth.authenticate('bearer azud_7f3a_0123456789abcdef').name, 'other');
});

test('every wrong credential gets the same answer', () => {
  const clock = new SetClock();
  const expired = token({ name: 'old', secret: 'an-expired-secret-1234', expiresAt: clock.time });
  const auth = new Authenticator([token(), expired], clock);
  const wrong = [
    undefined,
    '',
    'Bearer',
    'Bearer  ',
    `Basic ${SECRET}`,
    `Bearer ${SECRET}x`,
    `Bearer ${SECRET.slice(1)}`,
    `Bearer ${SECRET} ${SECRET}`,
    'Bearer an-expired-secret-1234',
    `Bearer ${'x'.repeat(1_000_000)}`,
    'Bearer \0',
  ];
  const answers = wrong.map((header) => caught(() => auth.authenticate(header)));
  for (const { code, message, hint, headers } of answers) {
    assert.deepEqual(
      { code, message, hint, headers },
      {
        code: 'unauthorized',
        message: 'the request brings no valid token',
        hint: 'Send `Authorization: Bearer <token>`.',
        headers: { 'www-authenticate': 'Bearer realm="azud"' },
      },
    );
  }
});

test('without tokens everybody may do everything', () => {
  const auth = new Authenticator([], new SetClock());
  assert.ok(allows(auth.authenticate(undefined), 'admin'));
});

test('a token above its rate waits: 429 with the time', () => {
  const clock = new SetClock();
  const auth = new Authenticator([token({ ratePerSecond: 2 })], clock);
  const ask = () => auth.authenticate(`Bearer ${SECRET}`);
  ask();
  ask();
  const refused = caught(ask);
  assert.equal(refused.code, 'rate-limited');
  assert.equal(refused.retryAfterSeconds, 0.5);
  clock.time += 500;
  ask();
  assert.equal(caught(ask).code, 'rate-limited');
});

const SCOPES: readonly [scope: string, required: RequiredScope, allowed: boolean][] = [
  ['admin', 'intake:flights', true],
  ['admin', 'dead-letters', true],
  ['intake:flights', 'intake:flights', true],
  ['intake:*', 'intake:flights', true],
  ['intake:flights', 'intake:clients', false],
  ['intake:flights', 'query:flights', false],
  ['query:*', 'query:delays', true],
  ['query:*', 'intake:delays', false],
  ['query:*', 'dead-letters', false],
  ['dead-letters', 'dead-letters', true],
  ['metrics', 'metrics', true],
  ['metrics', 'admin', false],
  ['metrics', 'any', true],
  ['metrics', 'public', true],
];

for (const [scope, required, allowed] of SCOPES) {
  test(`the scope ${scope} ${allowed ? 'allows' : 'does not allow'} ${required}`, () => {
    assert.equal(allows({ name: 'x', scopes: [scope] }, required), allowed);
  });
}

test('a refusal names the scope that would do', () => {
  const refused = caught(() => authorize({ name: 'airline', scopes: ['query:*'] }, 'intake:flights'));
  assert.deepEqual([refused.code, refused.message], ['forbidden', 'token airline needs the scope intake:flights']);
});
