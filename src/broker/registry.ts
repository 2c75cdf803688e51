import type { Clock } from '../lib/clock.ts';
import type { Io } from '../lib/io.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { Broker } from './broker.ts';
import type { BrokerConfig } from './config.ts';
import type { BrokerDriver } from './driver.ts';

/** What a driver may need of the process it runs in. */
export interface BrokerContext {
  /** Absolute; the embedded log lives below it. */
  readonly dataDir: string;
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
 * @throws AzudError as `BrokerDriver.open`
 */
export async function openBroker(config: BrokerConfig, context: BrokerContext): Promise<Broker> {
  const driver = await createDriver(config, context);
  const { metrics, log, clock } = context;
  const broker = new Broker({ driver, metrics, log, clock });
  await broker.open();
  return broker;
}

/** Adapters are loaded when they are chosen: their packages may not be installed. */
async function createDriver(config: BrokerConfig, context: BrokerContext): Promise<BrokerDriver> {
  switch (config.kind) {
    case 'log': {
      const { createLogDriver } = await import('./log/driver.ts');
      return createLogDriver(config, context);
    }
    case 'memory': {
      const { MemoryDriver } = await import('./memory/driver.ts');
      return new MemoryDriver({ clock: context.clock });
    }
  }
}
