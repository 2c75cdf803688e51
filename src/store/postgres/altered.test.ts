import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asSuperuser, ownSchemas } from '../../../test/support/postgres.ts';
import { openDriver, refusedLines } from '../../../test/support/postgres-store.ts';
import { at, batchOf, CLIENTS, countsOf, FLIGHTS, read } from '../conformance/fixtures.ts';
import type { StoreDriver } from '../driver.ts';

/** What others do to the tables: their constraints, their rights, what they drop. */
const ownSchema = ownSchemas();
const datasets = [FLIGHTS, CLIENTS];

/** A store whose tables somebody changes by these statements, in which `@` is the schema. */
async function altered(statements: readonly string[]): Promise<{ driver: StoreDriver; schema: string }> {
  const schema = ownSchema();
  const driver = await openDriver({ schema, datasets });
  for (const sql of statements) await asSuperuser(sql.replaceAll('@', `"${schema}"`));
  return { driver, schema };
}

const CONSTRAINTS = [
  { what: 'a CHECK', sql: `ALTER TABLE @.flights ADD CONSTRAINT sane CHECK (origin <> 'bad')` },
  { what: 'NOT NULL', sql: `ALTER TABLE @.flights ALTER delay SET NOT NULL` },
] as const;

for (const { what, sql } of CONSTRAINTS) {
  test(`the row that ${what} of others refuses is found, and its neighbours are stored`, async () => {
    const { driver } = await altered([sql]);
    const lines = ['{"origin":"a","delay":1}', '{"origin":"bad"}', '{"origin":"b","delay":2}'];
    const entry = at(batchOf(FLIGHTS, lines));
    await assert.rejects(driver.write({ batches: [entry] }), { code: 'bad-row' });
    const dead = await refusedLines(driver, FLIGHTS, entry.batch.lines);
    assert.deepEqual([...dead.keys()], [1]);
    assert.match(dead.get(1)?.message ?? '', /constraint/);
    const counts = await driver.write({ batches: [{ ...entry, dead }] });
    assert.deepEqual(counts, [{ accepted: 3, stored: 2, duplicate: 0, dead: 1 }]);
    await driver.close();
  });
}

for (const dropped of ['COLUMN', 'TABLE'] as const) {
  test(`a ${dropped.toLowerCase()} that somebody dropped is there again after the next start`, async () => {
    const sql = dropped === 'TABLE' ? 'DROP TABLE @.flights' : 'ALTER TABLE @.flights DROP COLUMN delay';
    const { driver, schema } = await altered([sql]);
    const entry = at(batchOf(FLIGHTS, ['{"origin":"a","delay":1}']));
    await assert.rejects(driver.write({ batches: [entry] }), { code: 'store-refused' });
    await assert.rejects(read(driver, FLIGHTS), { code: 'store-refused' });
    await driver.close();
    const next = await openDriver({ schema, datasets });
    await next.write({ batches: [entry] });
    assert.deepEqual(
      (await read(next, FLIGHTS)).map(({ origin, delay }) => [origin, delay]),
      [['a', 1]],
    );
    assert.equal((await countsOf(next, FLIGHTS))?.stored, 1);
    await next.close();
  });
}

test('a user who may not use a table, or does not own one with partitions, is told which and what to run', async () => {
  const user = `azud_rights_${process.pid}`;
  const schema = ownSchema();
  const open = () => openDriver({ schema, user, datasets });
  const refused = (message: RegExp, hint: RegExp) => assert.rejects(open, { code: 'access-denied', message, hint });
  await asSuperuser(`CREATE ROLE ${user} LOGIN; CREATE SCHEMA "${schema}"; GRANT ALL ON SCHEMA "${schema}" TO ${user}`);
  try {
    await (await open()).close();
    await asSuperuser(`REVOKE INSERT, DELETE ON "${schema}".clients FROM ${user}`);
    await refused(
      /azud_rights_\d+ lacks INSERT, DELETE on the table .*\.clients$/,
      /^Run GRANT INSERT, DELETE ON .* TO/,
    );
    await asSuperuser(`GRANT ALL ON "${schema}".clients TO ${user}; ALTER TABLE "${schema}".flights OWNER TO postgres`);
    await asSuperuser(`GRANT ALL ON "${schema}".flights TO ${user}`);
    await refused(/must own the table .*\.flights to add partitions$/, /^Run ALTER TABLE .* OWNER TO/);
    await asSuperuser(`ALTER TABLE "${schema}".flights OWNER TO ${user}`);
    await (await open()).close();
  } finally {
    await asSuperuser(`DROP OWNED BY ${user}; DROP ROLE ${user}`);
  }
});
