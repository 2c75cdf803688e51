import { Connection } from 'rabbitmq-client';
import { NatsServer } from '../support/nats.ts';
import { RabbitmqServer } from '../support/rabbitmq.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { AmqpRedelivery } from './redelivery.ts';
import { NatsRepeats } from './repeats.ts';

/** Of ten acks one is lost, and its message comes again. */
const EVERY = 10;
/** How often the loaders' connections to NATS break in a run. */
const CUTS = 20;

/** A broker's server of the run's own, which gives a tenth of its messages again. */
export interface ScaleBroker {
  /** `broker:` of whoever publishes and reads. */
  readonly direct: Readonly<Record<string, unknown>>;
  /** `broker:` of the loaders, to whom messages come again. */
  readonly lossy: Readonly<Record<string, unknown>>;
  /** Messages that came again. */
  redelivered(): number;
  /** kill -9, and the same server again. */
  crash(): Promise<void>;
  /** Messages that wait, and messages that loaders have and have not acked; 0 where the sums tell it. */
  waiting(): Promise<number>;
  stop(): Promise<void>;
}

export type ScaleBrokerName = keyof typeof BROKERS;

export const BROKERS = { rabbitmq, nats } as const satisfies Record<string, (messages: number) => Promise<ScaleBroker>>;

async function rabbitmq(): Promise<ScaleBroker> {
  const queue = 'scale';
  const server = await RabbitmqServer.start();
  const redelivery = new AmqpRedelivery(EVERY);
  const proxy = await TcpProxy.start(
    () => server.port,
    () => redelivery.meddle(),
  );
  const at = (port: number) => ({ kind: 'rabbitmq', servers: `127.0.0.1:${port}`, queue, prefetch: 200 });
  return {
    direct: at(server.port),
    lossy: at(proxy.port),
    redelivered: () => redelivery.redelivered,
    crash: () => server.crash(queue),
    waiting: async () => (await ready(server.port, queue)) + redelivery.held,
    async stop() {
      await proxy.close();
      await server.stop();
    },
  };
}

async function nats(messages: number): Promise<ScaleBroker> {
  const server = await NatsServer.start();
  const repeats = new NatsRepeats(messages / CUTS, () => proxy.cut());
  const proxy = await TcpProxy.start(
    () => server.port,
    () => repeats.meddle(),
  );
  const at = (port: number) => ({ kind: 'nats', servers: `127.0.0.1:${port}`, replicas: 1, allow_unsafe: true });
  return {
    direct: at(server.port),
    lossy: at(proxy.port),
    redelivered: () => repeats.again,
    crash: () => server.crash(),
    waiting: async () => 0,
    async stop() {
      await proxy.close();
      await server.stop();
    },
  };
}

async function ready(port: number, queue: string): Promise<number> {
  const client = new Connection({ hosts: [`127.0.0.1:${port}`] });
  try {
    return (await client.queueDeclare({ queue, passive: true })).messageCount;
  } finally {
    await client.close();
  }
}
