import { DATASET_NAME } from '../../event/dataset.ts';
import type { Io } from '../../lib/io.ts';
import { INTAKE_LIMITS } from '../../limits.ts';
import type { Damage, DamagedPlace } from '../driver.ts';
import { damagedPlaces, damageOf, type Inspected, replace } from './damage.ts';
import { datasetOf, eventsOf, findRecord, lengthOf, offsetOf } from './record.ts';
import { listSegments, readHeader, segmentPath } from './segment.ts';
import { RunningTotals } from './sparse-index.ts';
import { laterGroup } from './whole-records.ts';

export interface SkipTailOptions {
  readonly io: Io;
  readonly folder: string;
  readonly confirmed: boolean;
}

/** See `BrokerRepair.skipTail`: what a start refuses because a later group commit is whole. */
export async function skipTail({ io, folder, confirmed }: SkipTailOptions): Promise<Damage | null> {
  const first = (await listSegments(io, folder)).at(-1);
  if (first === undefined) return null;
  const segment = await inspect(io, folder, first);
  if (segment.places.length === 0) return null;
  if (confirmed) await replace(io, folder, segment);
  return damageOf(segment);
}

async function inspect(io: Io, folder: string, first: number): Promise<Inspected> {
  const path = segmentPath(folder, first);
  const file = await io.open(path, 'read');
  try {
    const header = await readHeader(file, path);
    const bytes = Buffer.alloc(await file.size());
    await file.read(bytes, 0);
    const totals = new RunningTotals(header.totals);
    // What no later group commit follows is the unfinished end, which a start cuts by itself.
    const isDamage = (byte: number, offset: number) => laterGroup(bytes, byte, offset) !== null;
    const walk = { end: Number.POSITIVE_INFINITY, totals, isDamage };
    const places = damagedPlaces(bytes, { byte: header.bytes, offset: first }, walk);
    return { path, bytes, header, places, ...lossIn(bytes, places), totals };
  } finally {
    await file.close();
  }
}

/** What the records say of themselves that lie in these places. */
function lossIn(bytes: Buffer, places: readonly DamagedPlace[]) {
  const lost = new Map<string, number>();
  let untold = 0;
  for (const place of places) {
    const claim = claimOf(bytes, place);
    if (claim) lost.set(claim.dataset, (lost.get(claim.dataset) ?? 0) + claim.events);
    else untold += place.records;
  }
  return { lost, untold };
}

/**
 * What a damaged record says of itself, where its length leads to the next that is whole: then the damage is most likely in
 * its payload, which is nearly all of it. No sums tell more, for the segment was not sealed.
 */
function claimOf(bytes: Buffer, { byte, bytes: length, first, records }: DamagedPlace) {
  const leads = findRecord(bytes, byte) === byte && lengthOf(bytes, byte) === length && offsetOf(bytes, byte) === first;
  if (records !== 1 || !leads) return null;
  const [dataset, events] = [datasetOf(bytes, byte), eventsOf(bytes, byte)];
  return DATASET_NAME.test(dataset) && events <= INTAKE_LIMITS.batchEventsMax ? { dataset, events } : null;
}
