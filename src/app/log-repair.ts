import type { BrokerDriver, BrokerRepair, Damage } from '../broker/driver.ts';
import { createBrokerDriver } from '../broker/registry.ts';
import type { Config } from '../config/config.ts';
import { AzudError, messageOf } from '../error/azud-error.ts';
import { systemClock } from '../lib/clock.ts';
import { nodeIo } from '../lib/node-io.ts';
import { type Adoption, adopt, planAdoption } from '../loader/adoption.ts';
import { createStoreDriver } from '../store/registry.ts';
import { Store } from '../store/store.ts';
import { silentLog } from '../telemetry/log.ts';
import { Metrics } from '../telemetry/metrics.ts';

export type { Adoption, Damage };

export interface RepairOptions {
  readonly config: Config;
  /** False: it is only looked at. */
  readonly confirmed: boolean;
  /** A line for people. */
  readonly say: (line: string) => void;
}

/**
 * Lets the store go on with the log that is there; answers what that takes, null where they fit.
 * @throws AzudError `locked` while something runs; `invalid-usage` where broker or store cannot; as their `open`
 */
export async function adoptLog({ config, confirmed, say }: RepairOptions): Promise<Adoption | null> {
  const log = await repairable(config);
  return whileOpen(log, ({ broker, repair }) =>
    withStore({ config, say }, async (store) => {
      const plan = await planAdoption({ repair, broker, store, datasets: config.datasets });
      if (!plan || !confirmed) return plan;
      await adopt(plan, store);
      // A recovery must not go back behind it.
      await store.snapshot().catch((error: unknown) => say(`no copy of the database was made: ${messageOf(error)}`));
      return plan;
    }),
  );
}

/**
 * Lets reading go on behind what is damaged in the log; answers what that is.
 * @throws AzudError `locked` while something runs; `invalid-usage` where the broker has none; `log-damaged` where only a copy helps
 */
export async function skipDamage({ config, confirmed }: Omit<RepairOptions, 'say'>): Promise<readonly Damage[]> {
  const log = await repairable(config);
  const tail = await log.repair.skipTail(confirmed);
  // What lies before it can be looked at when the log opens again.
  if (tail && !confirmed) return [tail];
  const sealed = await whileOpen(log, ({ repair }) => repair.skip(confirmed));
  return tail ? [...sealed, tail] : sealed;
}

const context = () => ({ clock: systemClock, log: silentLog, metrics: new Metrics(), onFatal: () => {} });

interface Repairable {
  readonly broker: BrokerDriver;
  readonly repair: BrokerRepair;
}

/** The log, not opened. @throws AzudError `invalid-usage` */
async function repairable(config: Config): Promise<Repairable> {
  const { dataDir, system } = config;
  const own = { ...context(), io: nodeIo, dataDir, system: system.name, role: 'owner' } as const;
  const broker = await createBrokerDriver(config.broker, own);
  const { repair } = broker;
  if (repair) return { broker, repair };
  throw new AzudError('invalid-usage', `the broker ${config.broker.kind} keeps no log in ${dataDir}`, {
    hint: 'Only the embedded broker, log, has one to repair.',
  });
}

async function whileOpen<T>(log: Repairable, work: (log: Repairable) => Promise<T>): Promise<T> {
  await log.broker.open();
  try {
    return await work(log);
  } finally {
    await log.broker.close();
  }
}

async function withStore<T>(
  { config, say }: Pick<RepairOptions, 'config' | 'say'>,
  work: (store: Store) => Promise<T>,
): Promise<T> {
  const store = new Store(await createStoreDriver(config.store, { ...context(), dataDir: config.dataDir }), context());
  await store.open([...config.datasets.values()], { allowDestructive: false, onStep: say });
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}
