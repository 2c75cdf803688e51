import { AzudError } from '../error/azud-error.ts';
import type { Clock } from '../lib/clock.ts';
import type { Io } from '../lib/io.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { Broker } from './broker.ts';
import type { BrokerConfig, BrokerKind } from './config.ts';
import type { BrokerCapabilities, BrokerDriver } from './driver.ts';
import { LOG_CAPABILITIES } from './log/capabilities.ts';
import { MEMORY_CAPABILITIES } from './memory/capabilities.ts';
import { NATS_CAPABILITIES } from './nats/capabilities.ts';
import { PUBSUB_CAPABILITIES } from './pubsub/capabilities.ts';
import { RABBITMQ_CAPABILITIES } from './rabbitmq/capabilities.ts';
import { SNSSQS_CAPABILITIES } from './snssqs/capabilities.ts';

/** What each kind can do, known before its driver is loaded; a driver may know size and promise more exactly. */
export const BROKER_CAPABILITIES: Readonly<Record<BrokerKind, BrokerCapabilities>> = {
  log: LOG_CAPABILITIES,
  memory: MEMORY_CAPABILITIES,
  nats: NATS_CAPABILITIES,
  pubsub: PUBSUB_CAPABILITIES,
  rabbitmq: RABBITMQ_CAPABILITIES,
  snssqs: SNSSQS_CAPABILITIES,
};

/** What a driver may need of the process it runs in. */
export interface BrokerContext {
  /** Absolute; the embedded log lives below it. */
  readonly dataDir: string;
  /** Name of the system: what it makes on a shared server is called after it. */
  readonly system: string;
  /**
   * An embedded broker has one owner; other processes on the host are its clients. Brokers behind a network take no
   * notice of it.
   */
  readonly role: 'owner' | 'client';
  readonly io: Io;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** What is written can no longer be trusted: the process must end (exit code 74) and start again. */
  readonly onFatal: (error: Error) => void;
}

/**
 * Opens the broker of a configuration.
 * @throws AzudError as `BrokerDriver.open`, `missing-package`
 */
export async function openBroker(config: BrokerConfig, context: BrokerContext): Promise<Broker> {
  const driver = await createBrokerDriver(config, context);
  const { metrics, log, clock } = context;
  const broker = new Broker({ driver, metrics, log, clock });
  await broker.open();
  return broker;
}

/**
 * The driver of a kind, not yet open. Adapters are loaded when they are chosen: their packages may not be installed.
 * @throws AzudError `missing-package`
 */
export async function createBrokerDriver(config: BrokerConfig, context: BrokerContext): Promise<BrokerDriver> {
  switch (config.kind) {
    case 'log': {
      const { createLogDriver } = await import('./log/driver.ts');
      return createLogDriver(config, context);
    }
    case 'memory': {
      const { MemoryDriver } = await import('./memory/driver.ts');
      return new MemoryDriver({ clock: context.clock });
    }
    case 'nats': {
      const { NatsDriver } = await sdk('@nats-io/transport-node @nats-io/jetstream', () => import('./nats/driver.ts'));
      return new NatsDriver(config, context);
    }
    case 'pubsub': {
      const { PubsubDriver } = await sdk('@google-cloud/pubsub', () => import('./pubsub/driver.ts'));
      return new PubsubDriver(config, context);
    }
    case 'rabbitmq': {
      const { RabbitmqDriver } = await sdk('rabbitmq-client', () => import('./rabbitmq/driver.ts'));
      return new RabbitmqDriver(config, context);
    }
    case 'snssqs': {
      const { SnssqsDriver } = await sdk('@aws-sdk/client-sns @aws-sdk/client-sqs', () => import('./snssqs/driver.ts'));
      return new SnssqsDriver(config, context);
    }
  }
}

async function sdk<T>(packages: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause;
    throw new AzudError('missing-package', `this broker needs: npm install ${packages}`, { cause });
  }
}
