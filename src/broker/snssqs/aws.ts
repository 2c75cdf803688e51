import { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';
import { notConnected } from '../errors.ts';
import { classified, misconfigured } from './errors.ts';

export interface ServerSettings {
  readonly region: string | null;
  readonly endpoint: string | null;
  readonly topic_endpoint: string | null;
  readonly access_key_id: string | null;
  readonly secret_access_key: string | null;
  readonly session_token: string | null;
}

export interface Clients {
  readonly sqs: SQSClient;
  readonly sns: SNSClient;
}

/** Sends one command. */
export type Call<Answer> = (clients: Clients, options: { readonly abortSignal: AbortSignal }) => Promise<Answer>;

export interface CallOptions {
  /** The queue or topic, in words, for the error. */
  readonly about: string;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

const CONNECT_MS = 5_000;
/** Longest wait for an answer, ms: a request of 1 MiB over a slow line is through in it. */
const TIMEOUT_MS = 10_000;

/** The two clients, with a time limit on each call and errors in our codes. They connect by themselves and never retry. */
export class Aws {
  readonly #settings: ServerSettings;
  #clients: Clients | null = null;
  #closing = new AbortController();

  constructor(settings: ServerSettings) {
    this.#settings = settings;
  }

  /** The service as it is configured, in words. */
  get where(): string {
    const { endpoint, region } = this.#settings;
    return endpoint ?? region ?? 'the region of the AWS configuration';
  }

  /** @throws AzudError `invalid-config` for half of a key pair, or no region */
  async open(): Promise<void> {
    if (this.#clients) return;
    const { access_key_id, secret_access_key, endpoint, topic_endpoint } = this.#settings;
    if ((access_key_id === null) !== (secret_access_key === null)) {
      throw misconfigured('broker.access_key_id and broker.secret_access_key are given together or not at all');
    }
    this.#closing = new AbortController();
    const clients = {
      sqs: new SQSClient(clientConfig(this.#settings, endpoint)),
      sns: new SNSClient(clientConfig(this.#settings, topic_endpoint ?? endpoint)),
    };
    this.#clients = clients;
    try {
      await clients.sqs.config.region();
    } catch (error) {
      this.close();
      throw classified(error, this.where);
    }
  }

  /** @throws AzudError `not-connected`, `access-denied`, `topic-missing`, `overloaded`, `unavailable` */
  async call<Answer>(act: Call<Answer>, { about, timeoutMs = TIMEOUT_MS, signal }: CallOptions): Promise<Answer> {
    const where = `${about} at ${this.where}`;
    if (!this.#clients) throw notConnected(where);
    const ends = [AbortSignal.timeout(timeoutMs), this.#closing.signal, ...(signal ? [signal] : [])];
    try {
      return await act(this.#clients, { abortSignal: AbortSignal.any(ends) });
    } catch (error) {
      throw classified(error, where);
    }
  }

  close(): void {
    this.#closing.abort();
    this.#clients?.sqs.destroy();
    this.#clients?.sns.destroy();
    this.#clients = null;
  }
}

function clientConfig(settings: ServerSettings, endpoint: string | null) {
  const { region, access_key_id, secret_access_key, session_token } = settings;
  return {
    // The portable broker decides what is tried again, and when.
    maxAttempts: 1,
    requestHandler: { connectionTimeout: CONNECT_MS },
    ...(region !== null && { region }),
    ...(endpoint !== null && { endpoint }),
    ...(access_key_id !== null &&
      secret_access_key !== null && {
        credentials: {
          accessKeyId: access_key_id,
          secretAccessKey: secret_access_key,
          ...(session_token !== null && { sessionToken: session_token }),
        },
      }),
  };
}
