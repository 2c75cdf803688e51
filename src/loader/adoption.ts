import type { Backlog, BrokerRepair, Progress } from '../broker/driver.ts';
import type { Dataset } from '../event/dataset.ts';
import type { Store } from '../store/store.ts';

export interface AdoptionOptions {
  readonly repair: BrokerRepair;
  readonly broker: { backlog(after: Progress): Promise<Backlog> };
  readonly store: Pick<Store, 'ledger' | 'wrote' | 'join'>;
  readonly datasets: ReadonlyMap<string, Dataset>;
}

/** What it takes that a store goes on with a log that is not the one it has read. */
export interface Adoption {
  /** Why they do not fit, in words. */
  readonly reason: string;
  /** How far the store has come. */
  readonly from: Progress;
  /** The last that both hold. */
  readonly shared: Progress;
  readonly datasets: readonly AdoptionSums[];
}

export interface AdoptionSums {
  readonly dataset: string;
  /** Events that the log has after the last that both hold. */
  readonly to_load: number;
  /** Events that only the store has; they stay. Below 0: the log counts them, holds them no more, and the store has never seen them. */
  readonly only_in_store: number;
}

/** Null where store and log fit. Changes nothing. */
export async function planAdoption({ repair, broker, store, datasets }: AdoptionOptions): Promise<Adoption | null> {
  const { progress, counts } = await store.ledger();
  const fork = await repair.fork(progress, (message) => store.wrote(message, datasets.get(message.dataset) ?? null));
  if (!fork) return null;
  const { queued, accepted } = await broker.backlog(fork.shared);
  const names = new Set([...counts.keys(), ...(accepted?.keys() ?? [])]);
  const sums = [...names].sort().map((dataset): AdoptionSums => {
    const { stored = 0, duplicate = 0, dead = 0 } = counts.get(dataset) ?? {};
    const to_load = queued.get(dataset) ?? 0;
    const shared = (accepted?.get(dataset) ?? 0) - to_load;
    return { dataset, to_load, only_in_store: stored + duplicate + dead - shared };
  });
  return { ...fork, from: progress, datasets: sums };
}

/** The store goes on after the last that both hold, in one transaction of it. */
export async function adopt({ shared, datasets }: Adoption, store: AdoptionOptions['store']): Promise<void> {
  const carried = datasets.flatMap(({ dataset, only_in_store }) =>
    only_in_store === 0 ? [] : [[dataset, only_in_store] as const],
  );
  await store.join(shared, new Map(carried));
}
