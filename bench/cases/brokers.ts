import { Broker } from '../../src/broker/broker.ts';
import { makeMessage } from '../../src/broker/conformance/messages.ts';
import type { Message } from '../../src/event/batch.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import { Metrics } from '../../src/telemetry/metrics.ts';
import { nats } from '../brokers/nats.ts';
import { pubsub } from '../brokers/pubsub.ts';
import { rabbitmq } from '../brokers/rabbitmq.ts';
import type { Contender, Side } from '../brokers/side.ts';
import { snssqs } from '../brokers/snssqs.ts';
import { atLeast, type Case, type CaseOptions, type Figure, median, shape } from '../case.ts';

const CONTENDERS: readonly Contender[] = [nats, rabbitmq, snssqs, pubsub];

/** Messages sent together, and how many such groups are under way: what intake has at a few hundred connections. */
const GROUP = 50;
const GROUPS = 4;
const TEXT_BYTES = 1_000;

/** Sends everything in groups, each waiting for its confirms. Resolves with the messages a second. */
async function rateOf<T>(items: readonly T[], send: (group: readonly T[]) => Promise<void>): Promise<number> {
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const group = items.slice(next, next + GROUP);
      next += GROUP;
      await send(group);
    }
  };
  const begun = performance.now();
  await Promise.all(Array.from({ length: GROUPS }, worker));
  return items.length / ((performance.now() - begun) / 1_000);
}

async function publish(broker: Broker, messages: readonly Message[]): Promise<void> {
  for (const result of await broker.publish(messages)) if ('error' in result) throw result.error;
}

async function race({ driver, vendor, of }: Side, name: string, { quick, say }: CaseOptions): Promise<Figure> {
  const broker = new Broker({ driver, metrics: new Metrics(), log: silentLog, clock: systemClock });
  const count = quick ? 2_000 : 20_000;
  const ours: number[] = [];
  const theirs: number[] = [];
  // In turns, so that both meet the machine's moods; the first round warms both up.
  for (let round = 0; round < (quick ? 2 : 4); round += 1) {
    // A message that was published once is known to the broker: each round has its own.
    const messages = Array.from({ length: count }, () => makeMessage({ textBytes: TEXT_BYTES }));
    const payloads = messages.map(({ payload }) => payload);
    theirs.push(await rateOf(payloads, vendor));
    ours.push(await rateOf(messages, (group) => publish(broker, group)));
    say(`${name}: round ${round}`);
  }
  const sides = { measured: median(ours.slice(1)), reference: median(theirs.slice(1)), unit: 'messages' };
  return atLeast(`${name}: publishing 1 KB messages with confirms, ${GROUP * GROUPS} under way`, 0.7, { ...sides, of });
}

export const brokers: Case = {
  name: 'brokers',
  about: "each broker's driver, against the best loop of its vendor's own client, with the same confirms",
  async run(options) {
    const figures: Figure[] = [];
    for (const { name, missing, open } of CONTENDERS) {
      const reason = await missing();
      if (reason !== null) {
        figures.push(shape(`${name}: not run`, reason));
        continue;
      }
      const side = await open();
      try {
        figures.push(await race(side, name, options));
      } finally {
        await side.close();
      }
    }
    return figures;
  },
};
