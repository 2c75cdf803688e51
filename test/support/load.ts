import type { Client, Json } from './client.ts';

/** What became of the requests of a load, by status; 0: no answer. */
export type Statuses = ReadonlyMap<number, number>;

export interface Load {
  readonly statuses: Statuses;
  /** Longest time that one answer took, ms. */
  readonly slowestMs: number;
  /** Lets what is in flight be answered, and ends. */
  stop(): Promise<void>;
}

/** Posts single orders from so many senders, each after the answer before, until it is stopped. */
export function postOrders(client: Client, senders: number): Load {
  const statuses = new Map<number, number>();
  let running = true;
  let slowestMs = 0;
  const post = async (n: number): Promise<void> => {
    const begun = performance.now();
    const status = await client.post('/v1/events/orders', { n }).then(
      (answer) => answer.status,
      () => 0,
    );
    slowestMs = Math.max(slowestMs, performance.now() - begun);
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
  };
  const all = Array.from({ length: senders }, async (_, sender) => {
    for (let n = sender; running; n += senders) await post(n);
  });
  return {
    statuses,
    get slowestMs() {
      return slowestMs;
    },
    async stop() {
      running = false;
      await Promise.all(all);
    },
  };
}

/** The line of one dataset in /v1/conservation. */
export async function balanceOf(client: Client, dataset: string): Promise<Json> {
  const { json } = await client.get('/v1/conservation');
  return json.datasets.find((each: Json) => each.dataset === dataset);
}
