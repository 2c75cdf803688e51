import { writeSync } from 'node:fs';
import { makeMessage } from '../../src/broker/conformance/messages.ts';
import { LogOwner } from '../../src/broker/log/owner.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { nodeIo } from '../../src/lib/node-io.ts';
import { silentLog } from '../../src/telemetry/log.ts';

/** A process that owns the log in `argv[2]`, publishes without end from 8 publishers, and prints each id when it is told ok. */

const owner = new LogOwner({
  dataDir: process.argv[2] ?? '',
  io: nodeIo,
  clock: systemClock,
  log: silentLog,
  onFatal: () => process.exit(74),
  segmentBytesMax: 200_000,
  retentionMs: 1e12,
  retentionBytes: 1e12,
  limits: { reserveBytes: 0, diskUsedRatioMax: 1 },
});
await owner.open();

async function publisher(): Promise<never> {
  for (;;) {
    const message = makeMessage({ textBytes: Math.floor(Math.random() * 2_000) });
    const [result] = await owner.publish([message]);
    if (result && 'position' in result) writeSync(1, `${message.id}\n`);
  }
}

await Promise.all(Array.from({ length: 8 }, publisher));
