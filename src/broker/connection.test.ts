import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AzudError, isAzudError } from '../error/azud-error.ts';
import { Connection } from './connection.ts';

/** Connections by their number, which a test breaks; `refused` fails the next one. */
function setting() {
  const made: { readonly number: number; readonly broken: () => void; open: boolean }[] = [];
  const state = { refused: false };
  const connection = new Connection({
    where: 'test server',
    connect: async (broken) => {
      if (state.refused) throw new AzudError('access-denied', 'no');
      const link = { number: made.length, broken, open: true };
      made.push(link);
      return link;
    },
    disconnect: async (link) => {
      link.open = false;
    },
  });
  return { connection, made, state };
}

const numberOf = async (link: Promise<{ readonly number: number }>) => (await link).number;

test('calls at once share one connection', async () => {
  const { connection, made } = setting();
  await Promise.all([connection.open(), connection.link(), connection.link()]);
  assert.equal(made.length, 1);
});

test('a broken connection is made again by the next call, and its late end does not harm the new one', async () => {
  const { connection, made } = setting();
  assert.equal(await numberOf(connection.open()), 0);
  made[0]?.broken();
  assert.equal(await numberOf(connection.link()), 1);
  made[0]?.broken();
  assert.equal(await numberOf(connection.link()), 1);
});

test('a connection that could not be made is tried again by the next call', async () => {
  const { connection, state } = setting();
  state.refused = true;
  await assert.rejects(connection.open(), (error) => isAzudError(error, 'access-denied'));
  state.refused = false;
  assert.equal(await numberOf(connection.link()), 0);
});

test('a closed one connects no more until it is opened again, also when it was closed while it connected', async () => {
  const { connection, made } = setting();
  const closed = (error: unknown) => isAzudError(error, 'not-connected') && /test server/.test(error.message);
  await assert.rejects(connection.link(), closed);
  const opening = connection.open();
  await connection.close();
  await opening;
  assert.deepEqual(
    made.map(({ open }) => open),
    [false],
  );
  await assert.rejects(connection.link(), closed);
  assert.equal(await numberOf(connection.open()), 1);
});
