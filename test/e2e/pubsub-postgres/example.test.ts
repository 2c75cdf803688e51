import { after } from 'node:test';
import { freshDatabase } from '../../support/postgres.ts';
import { PubsubEmulator } from '../../support/pubsub.ts';
import { orderExampleCases } from '../suites/example.ts';

const emulator = await PubsubEmulator.start();
after(() => emulator.stop());

orderExampleCases('pubsub-postgres', { PUBSUB_EMULATOR_HOST: emulator.host, DATABASE_URL: await freshDatabase() });
