import { systemClock } from '../../lib/clock.ts';
import { brokerConformance } from '../conformance/conformance.ts';
import { Memory, MemoryDriver } from './driver.ts';

let memory = new Memory();

async function openDriver(): Promise<MemoryDriver> {
  const driver = new MemoryDriver({ clock: systemClock, memory, messageBytesMax: 1024 * 1024 });
  await driver.open();
  return driver;
}

brokerConformance({
  name: 'memory',
  open: () => {
    memory = new Memory();
    return openDriver();
  },
  restart: async (driver) => {
    await driver.close();
    return openDriver();
  },
  close: (driver) => driver.close(),
});
