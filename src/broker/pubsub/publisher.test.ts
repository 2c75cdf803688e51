import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Publisher } from './publisher.ts';

/** A service whose answers the test gives. */
class Service {
  readonly requests: { readonly items: readonly string[]; readonly answer: (error?: Error) => void }[] = [];

  send(items: readonly string[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.requests.push({ items, answer: (error) => (error ? reject(error) : resolve()) });
    });
  }
}

function publisherOf(service: Service, bounds = { messagesMax: 3, bytesMax: 100 }): Publisher<string> {
  return new Publisher({ ...bounds, send: (items) => service.send(items) });
}

const turn = () => new Promise(setImmediate);
const sent = ({ requests }: Service) => requests.map(({ items }) => items.join(''));

test('what is published in one turn goes out in one request, within its bounds', async () => {
  const service = new Service();
  const publisher = publisherOf(service);
  for (const item of 'abcd') void publisher.add(item, 10, '');
  await turn();
  assert.deepEqual(sent(service), ['abc', 'd']);
  for (const item of 'efg') void publisher.add(item, 60, '');
  void publisher.add('h', 500, '');
  await turn();
  assert.deepEqual(sent(service).slice(2), ['e', 'f']);
});

test('four requests are under way at once, and what comes meanwhile gathers', async () => {
  const service = new Service();
  const publisher = publisherOf(service, { messagesMax: 100, bytesMax: 1e6 });
  for (const item of 'abcd') {
    void publisher.add(item, 1, '');
    await turn();
  }
  for (const item of 'efg') void publisher.add(item, 1, '');
  await turn();
  assert.deepEqual(sent(service), ['a', 'b', 'c', 'd']);
  service.requests[1]?.answer();
  await turn();
  assert.deepEqual(sent(service).slice(4), ['efg']);
});

test('one ordering key has one request under way, and other keys do not wait for it', async () => {
  const service = new Service();
  const publisher = publisherOf(service);
  for (const item of 'abcde') void publisher.add(item, 1, 'orders');
  void publisher.add('x', 1, 'clients');
  await turn();
  assert.deepEqual(sent(service), ['abc', 'x']);
  service.requests[0]?.answer();
  await turn();
  assert.deepEqual(sent(service), ['abc', 'x', 'de']);
});

test('a request that fails fails its own items, and the next goes out', async () => {
  const service = new Service();
  const publisher = publisherOf(service);
  const results = Promise.allSettled('abcd'.split('').map((item) => publisher.add(item, 1, 'orders')));
  await turn();
  service.requests[0]?.answer(new Error('no'));
  await turn();
  service.requests[1]?.answer();
  assert.deepEqual(
    (await results).map(({ status }) => status),
    ['rejected', 'rejected', 'rejected', 'fulfilled'],
  );
});
