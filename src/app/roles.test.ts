import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAzudError } from '../error/azud-error.ts';
import { ROLES, refuseSplit, rolesOf } from './roles.ts';

const EMBEDDED = { broker: { kind: 'log' }, store: { kind: 'duckdb' } };
const SHARED = { broker: { kind: 'nats' }, store: { kind: 'postgres' } };

test('all is every role; one is itself; another is refused with the nearest', () => {
  assert.deepEqual(rolesOf('all'), ROLES);
  assert.deepEqual(rolesOf('loader'), ['loader']);
  assert.throws(
    () => rolesOf('loadr'),
    (error) => isAzudError(error, 'invalid-usage') && /did you mean "loader"/.test(error.message),
  );
});

test('an embedded broker or store cannot be split over processes, with the reason and the remedy', () => {
  assert.throws(
    () => refuseSplit(['intake'], EMBEDDED),
    (error) =>
      isAzudError(error, 'unsafe-setting') && /log broker/.test(error.message) && /without --role/.test(error.hint),
  );
  assert.throws(() => refuseSplit(['query'], { ...SHARED, store: EMBEDDED.store }), /duckdb store/);
});

test('what is shared over the network can be split, and all roles may be together anywhere', () => {
  refuseSplit(['intake'], SHARED);
  refuseSplit(ROLES, EMBEDDED);
});
