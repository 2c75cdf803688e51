import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAzudError } from '../error/azud-error.ts';
import { ROLES, type Role, refuseSplit, rolesOf, type Sharing } from './roles.ts';

const SHARED = {
  broker: { kind: 'nats', sharing: 'network' },
  store: { kind: 'postgres', sharing: 'network' },
} as const;
const EMBEDDED = { broker: { kind: 'log', sharing: 'host' }, store: { kind: 'duckdb', sharing: 'process' } } as const;

test('all is every role; one is itself; another is refused with the nearest', () => {
  assert.deepEqual(rolesOf('all'), ROLES);
  assert.deepEqual(rolesOf('loader'), ['loader']);
  assert.throws(
    () => rolesOf('loadr'),
    (error) => isAzudError(error, 'invalid-usage') && /did you mean "loader"/.test(error.message),
  );
});

const refused = (roles: readonly Role[], sharing: Sharing, words: RegExp) =>
  assert.throws(
    () => refuseSplit(roles, sharing),
    (error) => {
      assert.ok(isAzudError(error, 'unsafe-setting'));
      assert.match(error.message, words);
      assert.match(error.hint, /without --role/);
      return true;
    },
  );

test('an embedded broker or store cannot be split over processes, with the reason and the remedy', () => {
  refused(['intake'], EMBEDDED, /^the log broker lives inside one process tree: intake cannot run apart/);
  refused(['query'], EMBEDDED, /^the log broker and the duckdb store live inside/);
  refused(['query'], { ...SHARED, store: EMBEDDED.store }, /^the duckdb store lives inside .*: query cannot/);
  refused(['intake', 'loader'], { ...SHARED, store: EMBEDDED.store }, /^the duckdb store/);
  refused(['loader', 'query'], { ...SHARED, broker: EMBEDDED.broker }, /^the log broker/);
});

test('what is shared over the network can be split, and all roles may be together anywhere', () => {
  for (const role of ROLES) refuseSplit([role], SHARED);
  refuseSplit(ROLES, EMBEDDED);
});

test('one process may have an embedded store to itself, with everything that needs it', () => {
  refuseSplit(['intake'], { ...SHARED, store: EMBEDDED.store });
  refuseSplit(['loader', 'query'], { ...SHARED, store: EMBEDDED.store });
});
