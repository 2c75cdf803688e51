import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions } from 'rabbitmq-client';
import { AzudError } from '../../error/azud-error.ts';

/** AMQP 0-9-1, as a client begins. */
const HEADER = Buffer.from('AMQP\0\0\x09\x01', 'latin1');
/** Type of the frame that a server answers with. */
const METHOD = 0x01;

/**
 * Looks at the first byte that each server answers: the client throws where nobody can catch it when that is no AMQP. What does
 * not answer at all is left to the client, which says why and tries the next.
 * @throws AzudError `not-connected` for the first server that speaks something else
 */
export async function requireAmqp({ hosts = [], tls, connectionTimeout }: ConnectionOptions): Promise<void> {
  for (const host of hosts) {
    const [name = '', port = tls ? '5671' : '5672'] = host.split(':');
    const address = { host: name, port: Number(port) };
    const socket = tls ? connectTls({ ...address, ...(typeof tls === 'object' && tls) }) : connect(address);
    const first = await firstByte(socket, connectionTimeout ?? 0);
    if (first === null || first === METHOD) continue;
    throw new AzudError('not-connected', `rabbitmq ${host} cannot be reached: what answers there is not AMQP`, {
      hint: 'Check broker.servers: RabbitMQ takes AMQP at port 5672, by TLS at 5671.',
    });
  }
}

/** Null when nothing comes. */
async function firstByte(socket: Socket, timeoutMs: number): Promise<number | null> {
  socket.on('error', () => {});
  socket.write(HEADER);
  try {
    const [bytes] = (await once(socket, 'data', { signal: AbortSignal.timeout(timeoutMs) })) as [Buffer];
    return bytes[0] ?? null;
  } catch {
    return null;
  } finally {
    socket.destroy();
  }
}
