import { PubSub, v1 } from '@google-cloud/pubsub';
import type { Clock } from '../../lib/clock.ts';
import { Connection } from '../connection.ts';
import { badCredentials, noProject } from './errors.ts';

export interface AccountSettings {
  readonly project: string | null;
  readonly credentials: string | null;
  readonly emulator: string | null;
}

/** Both halves of the service, and the project that they work in. */
export interface Link {
  readonly publisher: v1.PublisherClient;
  readonly subscriber: v1.SubscriberClient;
  readonly project: string;
}

const ENDPOINT = 'pubsub.googleapis.com';
const EMULATOR_PROJECT = 'azud';
/** Longest wait for one answer, ms. */
const TIMEOUT_MS = 10_000;
/** Longest wait for a channel that broke, ms. */
const READY_MS = 2_000;
/** The client would try for minutes by itself; here every call is made once, and the portable broker tries again. */
export const ONCE = { retry: null, timeout: TIMEOUT_MS } as const;
/** A broken channel is made anew after this long, ms. */
const RECONNECT = { 'grpc.initial_reconnect_backoff_ms': 100, 'grpc.max_reconnect_backoff_ms': 5_000 };

/**
 * The clients of one account. Their channels come back by themselves; a call on a broken one fails at once. What is used
 * is the generated client, a call of it being a request: the friendly one holds requests back, tries them again by
 * itself and keeps the failure of an ack to itself.
 * @throws AzudError `access-denied`, `invalid-config` when there is no project
 */
export function connectionTo(settings: AccountSettings): Connection<Link> {
  const { emulator, project } = settings;
  return new Connection({
    where: emulator === null ? `pubsub project ${project ?? 'of the credentials'}` : `pubsub emulator ${emulator}`,
    connect: () => connect(settings),
    disconnect: async ({ publisher, subscriber }) => {
      await Promise.all([publisher.close(), subscriber.close()]);
    },
  });
}

/** Waits a little for a channel that is being made anew. False: there is none. */
export async function ready({ subscriber }: Link, clock: Clock): Promise<boolean> {
  const stub = await subscriber.initialize();
  return new Promise((resolve) => {
    stub.waitForReady?.(clock.now() + READY_MS, (error?: Error) => resolve(!error));
  });
}

async function connect(settings: AccountSettings): Promise<Link> {
  const { emulator, project } = settings;
  const named = project ?? (emulator === null ? null : EMULATOR_PROJECT);
  const { options, auth } = new PubSub({
    ...RECONNECT,
    // Always said: otherwise the client asks the environment.
    apiEndpoint: emulator ?? ENDPOINT,
    ...(named !== null && { projectId: named }),
    // Without it the client of an emulator looks for a machine's account, and warns that there is none.
    ...(emulator !== null && { clientOptions: { universeDomain: 'googleapis.com' } }),
  });
  // One auth for all: it is tried below, and keeps what it has found.
  const publisher = new v1.PublisherClient({ ...options, auth });
  const subscriber = new v1.SubscriberClient({ ...options, auth });
  if (emulator === null) await authorize(auth, settings);
  // Left to the first call, a failure of it would be nobody's and end the process.
  await Promise.all([publisher.initialize(), subscriber.initialize()]);
  return { project: named ?? (await projectOf(auth)), publisher, subscriber };
}

/** Tries the credentials before any request: gRPC would wrap what is wrong with them into a broken connection. */
async function authorize(auth: PubSub['auth'], { credentials }: AccountSettings): Promise<void> {
  try {
    // As the default chain reads a file: the option for one prints that it is deprecated, once for each client.
    if (credentials !== null) await auth._getApplicationCredentialsFromFilePath(credentials);
    const client = await auth.getClient();
    await client.getRequestHeaders(`https://${ENDPOINT}/`);
  } catch (error) {
    throw badCredentials(credentials, error);
  }
}

async function projectOf(auth: PubSub['auth']): Promise<string> {
  try {
    return await auth.getProjectId();
  } catch (error) {
    throw noProject(error);
  }
}
