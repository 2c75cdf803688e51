import { type Channel, Connection as Client, type ConnectionOptions } from 'rabbitmq-client';
import { readAuthority } from '../../error/tls.ts';
import { Connection } from '../connection.ts';
import { classified } from './errors.ts';
import { requireAmqp } from './greeting.ts';

export interface ServerSettings {
  readonly servers: string;
  readonly vhost: string;
  readonly user: string;
  readonly password: string | null;
  readonly tls: boolean;
  readonly ca: string | null;
}

/** A live connection, with the one channel that publishes. */
export interface Link {
  readonly client: Client;
  readonly publisher: Channel;
  /** Ends it at once: what waits for an answer fails. */
  readonly giveUp: () => void;
  readonly close: () => Promise<void>;
}

const TIMEOUT_MS = 5_000;
/** A silent server is given up after two of them, s. */
const HEARTBEAT_S = 10;

/** @throws AzudError `not-connected`, `access-denied` */
export function connectionTo(settings: ServerSettings): Connection<Link> {
  const { user, servers, vhost } = settings;
  const where = `rabbitmq ${user}@${servers}${vhost === '/' ? '' : `/${vhost}`}`;
  let greeted = false;
  return new Connection({
    where,
    connect: async (broken) => {
      const options = await connectionOptions(settings);
      if (!greeted) await requireAmqp(options);
      greeted = true;
      const client = new Client(options);
      const ended = Promise.withResolvers<never>();
      ended.promise.catch(() => {});
      const end = (error?: unknown) => {
        ended.reject(error);
        client.unsafeDestroy();
        broken();
      };
      client.on('error', end);
      try {
        const publisher = await Promise.race([client.acquire(), ended.promise]);
        await Promise.race([publisher.confirmSelect(), ended.promise]);
        // The server closes a channel on which something went wrong; nothing else may be published on it.
        publisher.on('close', end);
        const close = async () => {
          publisher.off('close', end);
          await publisher.close();
          await client.close();
        };
        return { client, publisher, giveUp: end, close };
      } catch (error) {
        client.unsafeDestroy();
        throw classified(error, where);
      }
    },
    // What was not acked goes back to the queue.
    disconnect: ({ close }) => close(),
  });
}

async function connectionOptions(settings: ServerSettings): Promise<ConnectionOptions> {
  const { servers, vhost, user, password, tls, ca } = settings;
  return {
    hosts: servers.split(',').map((each) => each.trim()),
    vhost,
    username: user,
    password: password ?? 'guest',
    connectionName: 'azud',
    acquireTimeout: TIMEOUT_MS,
    connectionTimeout: TIMEOUT_MS,
    heartbeat: HEARTBEAT_S,
    noDelay: true,
    ...((tls || ca !== null) && { tls: ca === null ? true : { ca: await readAuthority(ca, 'broker.ca') } }),
  };
}
