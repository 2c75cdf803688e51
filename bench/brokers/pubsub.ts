import { PubSub } from '@google-cloud/pubsub';
import { PubsubDriver } from '../../src/broker/pubsub/driver.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { missingPubsub, PUBSUB_SETTINGS, PubsubEmulator } from '../../test/support/pubsub.ts';
import { type Contender, ownName } from './side.ts';

/** As many as the case has under way at once; the client's own default waits 10 ms for 100. */
const BATCHING = { maxMessages: 50, maxMilliseconds: 1 };

export const pubsub: Contender = {
  name: 'pubsub',
  missing: missingPubsub,
  async open() {
    const emulator = await PubsubEmulator.start();
    const settings = { ...PUBSUB_SETTINGS, emulator: emulator.host, topic: ownName() };
    const driver = new PubsubDriver(settings, { system: 'bench', clock: systemClock });
    await driver.open();
    // With a universe said, the client of an emulator does not look for a machine's account.
    const universe = { clientOptions: { universeDomain: 'googleapis.com' } };
    const client = new PubSub({
      projectId: PUBSUB_SETTINGS.project,
      apiEndpoint: emulator.host,
      emulatorMode: true,
      ...universe,
    });
    const name = ownName();
    // Without a subscription the service keeps nothing.
    const [made] = await client.createTopic(name);
    await made.createSubscription(name);
    const topic = client.topic(name, { batching: BATCHING });
    return {
      driver,
      of: 'publishMessage of @google-cloud/pubsub, both against the emulator',
      async vendor(payloads) {
        await Promise.all(payloads.map((data) => topic.publishMessage({ data })));
      },
      async close() {
        await driver.close();
        await client.close();
        await emulator.stop();
      },
    };
  },
};
