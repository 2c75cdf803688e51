import { DATASET_NAME } from '../../event/dataset.ts';
import type { Io } from '../../lib/io.ts';
import { INTAKE_LIMITS } from '../../limits.ts';
import type { Damage, DamagedPlace } from '../driver.ts';
import { damageOf, type Inspected, nextWhole, replace } from './damage.ts';
import { laterGroup } from './later-group.ts';
import { checkRecord, datasetOf, eventsOf, findRecord, lengthOf, offsetOf, payloadBytesOf } from './record.ts';
import { listSegments, readHeader, segmentPath } from './segment.ts';
import { RunningTotals } from './sparse-index.ts';

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
    return {
      path,
      bytes,
      header,
      ...damagedIn(bytes, { byte: header.bytes, offset: first }, new RunningTotals(header.totals)),
    };
  } finally {
    await file.close();
  }
}

/** What no later group commit follows is the unfinished end, which a start cuts by itself. */
function damagedIn(bytes: Buffer, from: { readonly byte: number; readonly offset: number }, totals: RunningTotals) {
  const places: DamagedPlace[] = [];
  const lost = new Map<string, number>();
  let untold = 0;
  let { byte, offset } = from;
  for (;;) {
    const check = checkRecord(bytes, byte, bytes.length);
    if (check.state === 'whole' && offsetOf(bytes, byte) === offset) {
      totals.add(datasetOf(bytes, byte), eventsOf(bytes, byte), payloadBytesOf(bytes, byte));
      byte += check.bytes;
      offset += 1;
      continue;
    }
    if (laterGroup(bytes, byte, offset) === null) return { places, lost, untold, totals };
    const to = nextWhole(bytes, byte, { offset, end: Number.POSITIVE_INFINITY });
    const place = { byte, bytes: to.byte - byte, first: offset, records: to.offset - offset };
    const claim = claimOf(bytes, place);
    if (claim) lost.set(claim.dataset, (lost.get(claim.dataset) ?? 0) + claim.events);
    else untold += place.records;
    places.push(place);
    ({ byte, offset } = to);
  }
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
