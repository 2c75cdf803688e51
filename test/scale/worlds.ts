import { Connection } from 'rabbitmq-client';
import { eventually } from '../support/eventually.ts';
import { RabbitmqServer } from '../support/rabbitmq.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { AmqpRedelivery } from './redelivery.ts';

/** Of ten acks one is lost, and its message comes again. */
const EVERY = 10;

/** A broker's server of the run's own, which gives a tenth of its messages again. */
export interface ScaleBroker {
  /** `broker:` of whoever publishes and reads. */
  readonly direct: Readonly<Record<string, unknown>>;
  /** `broker:` of the loaders, whose acks get lost. */
  readonly lossy: Readonly<Record<string, unknown>>;
  /** Messages whose ack was lost, and messages that came again. */
  redelivery(): { readonly lost: number; readonly again: number };
  /** kill -9, and the same server again. */
  crash(): Promise<void>;
  /** Resolves when the server holds nothing, with every loader gone. */
  empty(): Promise<void>;
  stop(): Promise<void>;
}

export type ScaleBrokerName = keyof typeof BROKERS;

export const BROKERS = { rabbitmq } as const satisfies Record<string, () => Promise<ScaleBroker>>;

async function rabbitmq(): Promise<ScaleBroker> {
  const queue = 'scale';
  const server = await RabbitmqServer.start();
  const redelivery = new AmqpRedelivery(EVERY);
  const proxy = await TcpProxy.start(() => server.port, redelivery);
  const at = (port: number) => ({ kind: 'rabbitmq', servers: `127.0.0.1:${port}`, queue, prefetch: 200 });
  return {
    direct: at(server.port),
    lossy: at(proxy.port),
    redelivery: () => ({ lost: redelivery.rejected, again: redelivery.redelivered }),
    crash: () => server.crash(queue),
    empty: () => eventually(() => emptyQueue(server.port, queue)),
    async stop() {
      await proxy.close();
      await server.stop();
    },
  };
}

/** Without consumers everything that was not acked is ready again, and counted. */
async function emptyQueue(port: number, queue: string): Promise<void> {
  const client = new Connection({ hosts: [`127.0.0.1:${port}`] });
  try {
    const { messageCount, consumerCount } = await client.queueDeclare({ queue, passive: true });
    if (messageCount + consumerCount > 0) throw new Error(`${messageCount} messages, ${consumerCount} consumers`);
  } finally {
    await client.close();
  }
}
