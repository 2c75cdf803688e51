import { CreateQueueCommand, SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs';
import { SnssqsDriver } from '../../src/broker/snssqs/driver.ts';
import { ENTRIES_MAX } from '../../src/broker/snssqs/requests.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { FAUXQS_ACCESS, Fauxqs } from '../../test/support/fauxqs.ts';
import { type Contender, ownName } from './side.ts';

const SETTINGS = {
  ...FAUXQS_ACCESS,
  session_token: null,
  topic_endpoint: null,
  topic: null,
  wait_seconds: 1,
  visibility_seconds: 30,
  prefetch: 1_000,
  delivery_limit: 1_000,
  message_group: 'batch',
  auto_declare: true,
} as const;

export const snssqs: Contender = {
  name: 'snssqs',
  missing: async () => null,
  async open() {
    const server = await Fauxqs.start();
    const settings = { ...SETTINGS, endpoint: server.endpoint, queue: ownName() };
    const driver = new SnssqsDriver(settings, { system: 'bench', clock: systemClock });
    await driver.open();
    const { region, access_key_id: accessKeyId, secret_access_key: secretAccessKey } = FAUXQS_ACCESS;
    const client = new SQSClient({ region, endpoint: server.endpoint, credentials: { accessKeyId, secretAccessKey } });
    const { QueueUrl } = await client.send(new CreateQueueCommand({ QueueName: ownName() }));
    const send = async (group: readonly Buffer[]) => {
      const Entries = group.map((payload, n) => ({ Id: String(n), MessageBody: payload.toString('latin1') }));
      const { Failed = [] } = await client.send(new SendMessageBatchCommand({ QueueUrl, Entries }));
      if (Failed.length > 0) throw new Error(JSON.stringify(Failed));
    };
    return {
      driver,
      of: 'SendMessageBatch of @aws-sdk/client-sqs, both against fauxqs',
      async vendor(payloads) {
        const groups = Array.from({ length: Math.ceil(payloads.length / ENTRIES_MAX) }, (_, n) =>
          payloads.slice(n * ENTRIES_MAX, (n + 1) * ENTRIES_MAX),
        );
        await Promise.all(groups.map(send));
      },
      async close() {
        await driver.close();
        client.destroy();
        await server.stop();
      },
    };
  },
};
