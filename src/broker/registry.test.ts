import assert from 'node:assert/strict';
import { registerHooks } from 'node:module';
import { test } from 'node:test';
import { isAzudError } from '../error/azud-error.ts';
import { systemClock } from '../lib/clock.ts';
import { nodeIo } from '../lib/node-io.ts';
import { silentLog } from '../telemetry/log.ts';
import { Metrics } from '../telemetry/metrics.ts';
import type { BrokerConfig } from './config.ts';
import { openBroker } from './registry.ts';

/** A machine on which the packages of the adapters are not installed. */
registerHooks({
  resolve(specifier, context, next) {
    if (!/^(@aws-sdk\/|@google-cloud\/|@nats-io\/|rabbitmq-client)/.test(specifier)) return next(specifier, context);
    throw Object.assign(new Error(`Cannot find package '${specifier}'`), { code: 'ERR_MODULE_NOT_FOUND' });
  },
});

const context = {
  dataDir: '',
  system: 'test',
  role: 'owner',
  io: nodeIo,
  clock: systemClock,
  log: silentLog,
  metrics: new Metrics(),
  onFatal: () => {},
} as const;

for (const [kind, command] of [
  ['nats', 'npm install @nats-io/transport-node @nats-io/jetstream'],
  ['pubsub', 'npm install @google-cloud/pubsub'],
  ['rabbitmq', 'npm install rabbitmq-client'],
  ['snssqs', 'npm install @aws-sdk/client-sns @aws-sdk/client-sqs'],
] as const) {
  test(`the broker ${kind} without its packages says how to install them`, async () => {
    await assert.rejects(openBroker({ kind } as BrokerConfig, context), (error) => {
      assert.ok(isAzudError(error, 'missing-package'), String(error));
      assert.equal(error.message, `this broker needs: ${command}`);
      return true;
    });
  });
}
