import { randomUUID } from 'node:crypto';
import { after } from 'node:test';
import { Connection } from 'rabbitmq-client';

/** Where the tests find a RabbitMQ that they share, with its user `guest`. */
export const RABBITMQ_SERVER = process.env.AZUD_TEST_RABBITMQ ?? '127.0.0.1:5672';

const TIMEOUT_MS = 5_000;

/** What the tests of the broker `rabbitmq` lack here, in words, or null. */
export async function missingRabbitmq(): Promise<string | null> {
  const client = new Connection({ hosts: [RABBITMQ_SERVER], acquireTimeout: TIMEOUT_MS });
  const refused = Promise.withResolvers<string>();
  client.on('error', (error: Error) => refused.resolve(`RabbitMQ at ${RABBITMQ_SERVER}: ${error.message}`));
  const opened = client.onConnect(TIMEOUT_MS).then(
    () => null,
    (error: Error) => error.message,
  );
  const found = await Promise.race([opened, refused.promise]);
  client.unsafeDestroy();
  return found;
}

/** A `broker:` on the shared server with a queue of its own, which goes when the tests of the file have ended. */
export function freshRabbitmq(): Readonly<Record<string, unknown>> {
  const queue = `azud_test_${randomUUID()}`;
  after(async () => {
    const client = new Connection({ hosts: [RABBITMQ_SERVER] });
    await client.queueDelete({ queue });
    await client.queueDelete({ queue: `${queue}.dead` });
    await client.exchangeDelete({ exchange: `${queue}.dead` });
    await client.close();
  });
  return { kind: 'rabbitmq', servers: RABBITMQ_SERVER, queue };
}
