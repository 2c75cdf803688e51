import { AzudError } from '../error/azud-error.ts';
import type { BrokerDriver, TopologyPart } from './driver.ts';

/** What was missing and is there now, and every part as it is after that. */
export interface Applied {
  readonly made: readonly TopologyPart[];
  readonly parts: readonly TopologyPart[];
}

/** Every part that the broker needs on its server, as it is there; none for an embedded one. @throws AzudError as `BrokerTopology.plan` */
export async function planTopology({ topology }: BrokerDriver): Promise<readonly TopologyPart[]> {
  return (await topology?.plan()) ?? [];
}

/** Makes what is missing; what is there and differs stays as it is. @throws AzudError as `BrokerTopology.apply` */
export async function applyTopology(driver: BrokerDriver): Promise<Applied> {
  const missing = missingOf(await planTopology(driver));
  if (missing.length > 0) await driver.topology?.apply();
  const parts = await planTopology(driver);
  const names = new Set(missing.map(({ what }) => what));
  return { made: parts.filter(({ what, state }) => state !== 'missing' && names.has(what)), parts };
}

/** For a start with `auto_declare: false`. @throws AzudError `topic-missing` with every part that is missing, and what it has to be */
export function refuseMissing(parts: readonly TopologyPart[]): void {
  const missing = missingOf(parts);
  if (missing.length === 0) return;
  const names = missing.map(({ what, detail }) => `${what} (${detail})`);
  throw new AzudError('topic-missing', `auto_declare is false, and the server has no ${names.join(', and no ')}`);
}

/** @param hint what else can be done. @throws AzudError `unsafe-setting` with the first part that is there and is another */
export function refuseDifferent(parts: readonly TopologyPart[], hint: string): void {
  const different = parts.find(({ state }) => state === 'differs');
  if (different) throw new AzudError('unsafe-setting', `${different.what} ${different.detail}`, { hint });
}

function missingOf(parts: readonly TopologyPart[]): readonly TopologyPart[] {
  return parts.filter(({ state }) => state === 'missing');
}
