import assert from 'node:assert/strict';
import fc from 'fast-check';
import { segmentPath } from '../../../src/broker/log/segment.ts';
import { isAzudError } from '../../../src/error/azud-error.ts';
import { idsOf, LOG_FOLDER, publishEach, releaseLocks, simulatedOwner } from '../../support/log.ts';
import { SimulatedDisk } from '../../support/simulated-disk.ts';
import { edited, edits } from '../edits.ts';

const COUNT = 8;
const made = madeLog();

/** A log of a few segments whose process was killed, and what it had acknowledged. */
async function madeLog(): Promise<{ disk: SimulatedDisk; ids: readonly string[]; segments: readonly string[] }> {
  const disk = new SimulatedDisk();
  const owner = simulatedOwner(disk, { segmentBytesMax: 800 });
  await owner.open();
  const ids = (await publishEach(owner, COUNT)).map(({ id }) => id);
  const killed = disk.copy();
  await owner.close();
  await releaseLocks(killed);
  const segments = (await killed.list(LOG_FOLDER)).filter((name) => name.endsWith('.seg'));
  return { disk: killed, ids, segments: segments.map((name) => segmentPath(LOG_FOLDER, Number.parseInt(name, 10))) };
}

/**
 * Whatever happens to the bytes of a segment: the log opens or refuses with a typed error, and gives of what was written a
 * prefix and then a typed error or its end, never a record that was not written and never one out of its order.
 */
export const recoveryLaw: fc.IRawProperty<unknown> = fc.asyncProperty(fc.nat(), edits, async (which, changes) => {
  const { disk, ids, segments } = await made;
  const path = segments[which % segments.length] ?? '';
  const bytes = edited(Buffer.from(disk.bytes(path)), changes);
  const copy = disk.copy();
  const file = await copy.open(path, 'write');
  await file.truncate(bytes.length);
  await file.write([bytes], 0);
  const owner = simulatedOwner(copy, { segmentBytesMax: 800 });
  const held: string[] = [];
  try {
    await owner.open();
    const { messages } = await owner.backlog([]);
    const subscription = await owner.subscribe([]);
    while (held.length < Number(messages)) {
      held.push(
        ...idsOf(await subscription.receive({ messagesMax: 1, bytesMax: 1, signal: AbortSignal.timeout(5_000) })),
      );
    }
  } catch (error) {
    assert.ok(isAzudError(error, 'log-damaged'), String(error));
  } finally {
    await owner.close().catch(() => {});
  }
  assert.deepEqual(held, ids.slice(0, held.length));
});
