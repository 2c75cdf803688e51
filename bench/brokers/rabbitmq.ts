import { Connection } from 'rabbitmq-client';
import { RabbitmqDriver } from '../../src/broker/rabbitmq/driver.ts';
import { declare, remove } from '../../src/broker/rabbitmq/topology.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { missingRabbitmq, RABBITMQ_SERVER, RABBITMQ_SETTINGS } from '../../test/support/rabbitmq.ts';
import { type Contender, ownName } from './side.ts';

export const rabbitmq: Contender = {
  name: 'rabbitmq',
  missing: missingRabbitmq,
  async open() {
    const [ours, theirs] = [ownName(), ownName()];
    const driver = new RabbitmqDriver({ ...RABBITMQ_SETTINGS, queue: ours }, { system: 'bench', clock: systemClock });
    await driver.open();
    const client = new Connection({ hosts: [RABBITMQ_SERVER], noDelay: true });
    await declare(client, { ...RABBITMQ_SETTINGS, queue: theirs });
    const channel = await client.acquire();
    await channel.confirmSelect();
    return {
      driver,
      of: 'basicPublish of rabbitmq-client',
      async vendor(payloads) {
        const envelope = { routingKey: theirs, durable: true };
        await Promise.all(payloads.map((payload) => channel.basicPublish(envelope, payload)));
      },
      async close() {
        await driver.close();
        await channel.close();
        for (const queue of [ours, theirs]) await remove(client, { ...RABBITMQ_SETTINGS, queue });
        await client.close();
      },
    };
  },
};
