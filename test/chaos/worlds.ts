import { pause } from '../support/moments.ts';
import { NatsServer } from '../support/nats.ts';
import { Cluster } from '../support/postgres.ts';
import { RabbitmqServer } from '../support/rabbitmq.ts';
import { type System, startSystem } from '../support/system.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { AUDIT_ENDPOINTS } from './audit.ts';
import { DUCKDB_FAULTS, type Fault, PROCESS_FAULTS } from './faults.ts';
import { CHAOS_DATASETS } from './requests.ts';

/** A system, the servers behind it, and what can happen to them. */
export interface World {
  readonly system: System;
  readonly faults: readonly Fault[];
  close(): Promise<void>;
}

export type WorldName = keyof typeof WORLDS;

/** By `<broker>+<store>`. */
export const WORLDS = {
  'log+duckdb': embedded,
  'nats+postgres': () => served(natsBehindProxy),
  'rabbitmq+postgres': () => served(rabbitmqBehindProxy),
} as const satisfies Record<string, () => Promise<World>>;

/** Of the faults of Azud's own processes, those that a broker and a store of servers can change. */
const SHARED = ['kill -9 intake', 'kill -9 analytics', 'kill -9 both', 'kill -9 all three', 'SIGSTOP both'];
const AWAY_MS_MAX = 1_500;

async function embedded(): Promise<World> {
  const system = await startSystem({
    config: {
      ...common(),
      // Small, so that segments are sealed and checkpoints made in every cycle.
      broker: { kind: 'log', segment_bytes: '1MiB' },
      store: { kind: 'duckdb', checkpoint_threshold: '200KB' },
    },
  });
  return { system, faults: [...PROCESS_FAULTS, ...DUCKDB_FAULTS], close: async () => void (await system.stop()) };
}

interface Served {
  readonly broker: Readonly<Record<string, unknown>>;
  readonly faults: readonly Fault[];
  close(): Promise<void>;
}

async function served(startBroker: () => Promise<Served>): Promise<World> {
  const closing: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const end of closing.toReversed()) await end();
  };
  try {
    const broker = await startBroker();
    closing.push(broker.close);
    const cluster = await Cluster.start();
    closing.push(() => cluster.remove());
    const proxy = await TcpProxy.start(() => Number(new URL(cluster.url).port));
    closing.push(() => proxy.close());
    const url = new URL(cluster.url);
    url.port = String(proxy.port);
    const system = await startSystem({
      config: { ...common(), broker: broker.broker, store: { kind: 'postgres', url: url.href } },
    });
    closing.push(() => system.stop());
    const own = PROCESS_FAULTS.filter(({ name }) => SHARED.includes(name));
    return { system, faults: [...own, ...broker.faults, ...postgresFaults(cluster, proxy)], close };
  } catch (error) {
    await close();
    throw error;
  }
}

function common(): object {
  return { version: 1, datasets: CHAOS_DATASETS, endpoints: AUDIT_ENDPOINTS, log: { level: 'warn' } };
}

function postgresFaults(cluster: Cluster, proxy: TcpProxy): Fault[] {
  return [
    {
      name: 'restart postgres',
      steady: true,
      async strike({ random }) {
        await cluster.down('immediate');
        await pause(random() * AWAY_MS_MAX);
        await cluster.up();
      },
    },
    { name: 'cut postgres', steady: true, strike: ({ random }) => cutting(proxy, random) },
  ];
}

async function natsBehindProxy(): Promise<Served> {
  const server = await NatsServer.start();
  const proxy = await TcpProxy.start(() => server.port);
  return {
    broker: { kind: 'nats', servers: `127.0.0.1:${proxy.port}`, replicas: 1, allow_unsafe: true },
    faults: [
      { name: 'kill -9 nats', strike: () => server.crash() },
      { name: 'cut nats', strike: ({ random }) => cutting(proxy, random) },
    ],
    async close() {
      await proxy.close();
      await server.stop();
    },
  };
}

async function rabbitmqBehindProxy(): Promise<Served> {
  const server = await RabbitmqServer.start();
  const proxy = await TcpProxy.start(() => server.port);
  return {
    broker: { kind: 'rabbitmq', servers: `127.0.0.1:${proxy.port}`, queue: 'chaos' },
    faults: [
      { name: 'kill -9 rabbitmq', strike: () => server.crash() },
      { name: 'cut rabbitmq', strike: ({ random }) => cutting(proxy, random) },
    ],
    async close() {
      await proxy.close();
      await server.stop();
    },
  };
}

/** Some cuts, one after the other: the second often meets what mends the first. */
async function cutting(proxy: TcpProxy, random: () => number): Promise<void> {
  for (let cuts = 1 + Math.floor(random() * 4); cuts > 0; cuts -= 1) {
    proxy.cut();
    await pause(random() * 300);
  }
}
