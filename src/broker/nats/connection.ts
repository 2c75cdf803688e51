import { readFile } from 'node:fs/promises';
import { type JetStreamClient, type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import {
  type ConnectionOptions,
  connect,
  credsAuthenticator,
  errors,
  type NatsConnection,
  type ServerInfo,
  type TlsOptions,
} from '@nats-io/transport-node';
import { AzudError, messageOf } from '../../error/azud-error.ts';
import { identityCheck } from '../../lib/server-identity.ts';
import { Connection } from '../connection.ts';
import { notConnected } from '../errors.ts';
import { classified } from './errors.ts';

export interface ServerSettings {
  readonly servers: string;
  readonly user: string | null;
  readonly password: string | null;
  readonly token: string | null;
  readonly credentials: string | null;
  readonly ca: string | null;
}

/** A live connection and what is reached through it. */
export interface Link {
  readonly nats: NatsConnection;
  readonly stream: JetStreamClient;
  readonly manager: JetStreamManager;
  readonly server: ServerInfo;
}

/** Longest wait for a connection or for one answer, ms: a cluster elects a new leader in about 5 s. */
const TIMEOUT_MS = 5_000;
/** A dead server is noticed after two pings go unanswered. */
const PING_MS = 5_000;

/** @throws AzudError `not-connected`, `access-denied`, `topic-missing` when the server has no JetStream */
export function connectionTo(settings: ServerSettings): Connection<Link> {
  const where = `nats ${settings.servers}`;
  return new Connection({
    where,
    connect: async (broken) => {
      const options = await connectionOptions(settings);
      try {
        const nats = await connect(options).catch(unanswered);
        void nats.closed().then(broken);
        const manager = await jetstreamManager(nats, { timeout: TIMEOUT_MS, checkAPI: false });
        const server = nats.info;
        if (!server) throw notConnected(where);
        return { nats, manager, server, stream: manager.jetstream() };
      } catch (error) {
        throw classified(error, where);
      }
    },
    disconnect: ({ nats }) => nats.close(),
  });
}

/** What takes connections and never greets is a server that hangs, or none of NATS. */
function unanswered(error: unknown): never {
  if (!(error instanceof errors.TimeoutError)) throw error;
  const reason = `no NATS server greets there within ${TIMEOUT_MS / 1_000} s`;
  throw new errors.ConnectionError(reason, { cause: error });
}

async function connectionOptions(settings: ServerSettings): Promise<ConnectionOptions> {
  const { servers, user, password, token, credentials, ca } = settings;
  const list = servers.split(',').map((each) => each.trim());
  const tls = ca !== null || list.some((each) => each.startsWith('tls://'));
  return {
    servers: list,
    name: 'azud',
    reconnect: false,
    timeout: TIMEOUT_MS,
    pingInterval: PING_MS,
    maxPingOut: 2,
    ...(user !== null && { user }),
    ...(password !== null && { pass: password }),
    ...(token !== null && { token }),
    ...(credentials !== null && { authenticator: credsAuthenticator(await readSecret(credentials)) }),
    ...(tls && { tls: tlsOptions(list, ca) }),
  };
}

/** The client passes on what it does not know to Node's TLS. */
function tlsOptions(servers: readonly string[], ca: string | null): TlsOptions & object {
  const hosts = servers.map((server) =>
    server
      .replace(/^\w+:\/\//, '')
      .replace(/:\d+$/, '')
      .replace(/^\[|\]$/g, ''),
  );
  const check = { checkServerIdentity: identityCheck(hosts) };
  return { ...check, ...(ca !== null && { caFile: ca }) };
}

async function readSecret(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new AzudError('access-denied', `the credentials ${path} cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
