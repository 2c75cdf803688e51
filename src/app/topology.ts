import type { BrokerDriver, TopologyPart } from '../broker/driver.ts';
import { createBrokerDriver } from '../broker/registry.ts';
import { type Applied, applyTopology, planTopology } from '../broker/topology.ts';
import type { Config } from '../config/config.ts';
import { systemClock } from '../lib/clock.ts';
import { nodeIo } from '../lib/node-io.ts';
import { silentLog } from '../telemetry/log.ts';
import { Metrics } from '../telemetry/metrics.ts';

/** What the broker needs on its server, as it is there; none for an embedded one. @throws AzudError as `planTopology`, `missing-package` */
export function brokerPlan(config: Config): Promise<readonly TopologyPart[]> {
  return withDriver(config, planTopology);
}

/** Makes what is missing there. @throws AzudError as `applyTopology`, `missing-package` */
export function brokerApply(config: Config): Promise<Applied> {
  return withDriver(config, applyTopology);
}

/** A driver that is never opened: to look at what it needs, that need not be there. */
async function withDriver<T>(config: Config, act: (driver: BrokerDriver) => Promise<T>): Promise<T> {
  const driver = await createBrokerDriver(config.broker, {
    dataDir: config.dataDir,
    system: config.system.name,
    role: 'client',
    io: nodeIo,
    clock: systemClock,
    log: silentLog,
    metrics: new Metrics(),
    onFatal: () => {},
  });
  try {
    return await act(driver);
  } finally {
    await driver.close();
  }
}
