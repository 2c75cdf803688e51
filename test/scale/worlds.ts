import { Connection } from 'rabbitmq-client';
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
  /** Messages that wait, and messages that loaders have and have not acked. */
  waiting(): Promise<number>;
  stop(): Promise<void>;
}

export type ScaleBrokerName = keyof typeof BROKERS;

export const BROKERS = { rabbitmq } as const satisfies Record<string, () => Promise<ScaleBroker>>;

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
    redelivery: () => ({ lost: redelivery.rejected, again: redelivery.redelivered }),
    crash: () => server.crash(queue),
    waiting: async () => (await ready(server.port, queue)) + redelivery.held,
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
