import type { SimulatedDisk } from '../support/simulated-disk.ts';
import type { Chance } from './chance.ts';
import { LOG_FOLDER, STORE_FOLDER } from './machine.ts';

/** The store's files as a bad disk leaves them: cut short, one bit wrong, or gone. */
export function damageStore(disk: SimulatedDisk, chance: Chance): void {
  const path = `${STORE_FOLDER}/journal`;
  const bytes = Buffer.from(disk.bytes(path));
  const how = chance.below(3);
  if (how === 0) disk.put(path, bytes.subarray(0, chance.below(bytes.length + 1)));
  else if (how === 1) disk.put(path, flipped(bytes, chance));
  else disk.put(path, null);
}

/** One bit of a segment that is not the tail, header and index included; false when there is none. */
export function flipSealedBit(disk: SimulatedDisk, chance: Chance): boolean {
  const names = disk.names(LOG_FOLDER);
  const sealed = names.filter((name) => name.endsWith('.seg')).slice(0, -1);
  if (sealed.length === 0) return false;
  const path = `${LOG_FOLDER}/${chance.pick(sealed)}`;
  disk.put(path, flipped(Buffer.from(disk.bytes(path)), chance));
  return true;
}

/** The files of the log's folder, as they are now. */
export function copyLog(disk: SimulatedDisk): ReadonlyMap<string, Buffer> {
  return new Map(disk.names(LOG_FOLDER).map((name) => [name, Buffer.from(disk.bytes(`${LOG_FOLDER}/${name}`))]));
}

/** The folder as the copy has it, and nothing else. */
export function putLogBack(disk: SimulatedDisk, copy: ReadonlyMap<string, Buffer>): void {
  for (const name of disk.names(LOG_FOLDER)) disk.put(`${LOG_FOLDER}/${name}`, null);
  for (const [name, bytes] of copy) disk.put(`${LOG_FOLDER}/${name}`, bytes);
}

function flipped(bytes: Buffer, chance: Chance): Buffer {
  const at = chance.below(bytes.length);
  if (bytes.length > 0) bytes[at] = (bytes[at] ?? 0) ^ (1 << chance.below(8));
  return bytes;
}
