import assert from 'node:assert/strict';
import { ORDERS_CONFIG } from './orders.ts';
import { RawConnection } from './raw-http.ts';
import { startSystem } from './system.ts';

export interface P99Plan {
  /** Measured in turns, so that both sides meet the machine's moods; the middle of each side counts. */
  readonly rounds: number;
  readonly requests: number;
}

export interface P99s {
  /** ms. */
  readonly alone: number;
  readonly together: number;
}

const SQL = 'SELECT count(*) AS n FROM range(1000000) a, range(1000000) b WHERE (a.range * b.range) % 7 = 3';
const BODY = '{"n":1}';
const POST = `POST /v1/events/orders HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`;

/** The p99 of durable single events, without and with an endpoint whose query would run for ever. */
export async function intakeP99s({ rounds, requests }: P99Plan): Promise<P99s> {
  const azud = await startSystem({
    config: { ...ORDERS_CONFIG, endpoints: { runaway: { sql: SQL, timeout: '30s' } } },
  });
  try {
    const port = Number(new URL(azud.url).port);
    await p99(port, requests);
    const alone: number[] = [];
    const together: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      alone.push(await p99(port, requests));
      const leaving = new AbortController();
      const query = fetch(`${azud.url}/v1/endpoints/runaway`, { signal: leaving.signal }).then(
        ({ status }) => status,
        () => 0,
      );
      together.push(await p99(port, requests));
      leaving.abort();
      assert.equal(await query, 0, 'the query ran all the while');
    }
    return { alone: middle(alone), together: middle(together) };
  } finally {
    await azud.stop();
  }
}

async function p99(port: number, requests: number): Promise<number> {
  const connection = await RawConnection.open(port);
  const times: number[] = [];
  for (let n = 0; n < requests; n += 1) {
    const begun = performance.now();
    connection.send(POST);
    assert.equal((await connection.answer()).status, 202);
    times.push(performance.now() - begun);
  }
  connection.cut();
  return times.sort((a, b) => a - b)[Math.floor(requests * 0.99)] ?? Number.POSITIVE_INFINITY;
}

const middle = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
