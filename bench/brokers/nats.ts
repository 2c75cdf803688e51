import { jetstreamManager, StorageType } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { NatsDriver } from '../../src/broker/nats/driver.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { missingNats, NATS_SERVER, NATS_SETTINGS } from '../../test/support/nats.ts';
import { type Contender, ownName } from './side.ts';

export const nats: Contender = {
  name: 'nats',
  missing: missingNats,
  async open() {
    const [ours, theirs] = [ownName(), ownName()];
    const driver = new NatsDriver({ ...NATS_SETTINGS, stream: ours }, { system: 'bench', clock: systemClock });
    await driver.open();
    const connection = await connect({ servers: NATS_SERVER });
    const manager = await jetstreamManager(connection);
    await manager.streams.add({ name: theirs, subjects: [theirs], storage: StorageType.File, num_replicas: 1 });
    const stream = manager.jetstream();
    return {
      driver,
      of: 'publish of @nats-io/jetstream',
      async vendor(payloads) {
        await Promise.all(payloads.map((payload) => stream.publish(theirs, payload)));
      },
      async close() {
        await driver.close();
        for (const name of [ours, theirs]) await manager.streams.delete(name);
        await connection.close();
      },
    };
  },
};
