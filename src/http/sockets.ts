import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { AzudError } from '../error/azud-error.ts';
import type { ErrorCode } from '../error/catalogue.ts';
import { CLOSES, textOf } from './plain-answer.ts';
import { problemAnswer } from './problem.ts';
import type { RejectionCounter } from './request-metrics.ts';

export interface SocketGuardOptions {
  readonly limits: { readonly connectionsMax: number };
  readonly nextRequestId: () => string;
  readonly rejections: RejectionCounter;
}

/** Beyond the cap a connection is told so; this many beyond it are cut without a word. */
const CONNECTIONS_TOLD = 100;

/** Answers what never becomes a request: too many connections, and bytes that are not HTTP or come too slowly. */
export function guardSockets(server: Server, options: SocketGuardOptions): void {
  const { limits } = options;
  let connections = 0;
  server.maxConnections = limits.connectionsMax + CONNECTIONS_TOLD;
  server.on('connection', (socket) => {
    connections += 1;
    socket.once('close', () => {
      connections -= 1;
    });
    if (connections > limits.connectionsMax) {
      refuseSocket(socket, new AzudError('overloaded', `${limits.connectionsMax} connections are open`), options);
    }
  });
  server.on('connect', (_, socket) => {
    refuseSocket(socket as Socket, new AzudError('bad-request', 'this is no proxy: CONNECT is not taken'), options);
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    // A socket that is half way through an answer cannot be told anything else.
    if (error.code === 'ECONNRESET' || !socket.writable || isAnswering(socket as Socket)) socket.destroy();
    else refuseSocket(socket as Socket, parserError(error), options);
  });
}

const CODE_OF_PARSER: Readonly<Record<string, ErrorCode>> = {
  HPE_HEADER_OVERFLOW: 'headers-too-large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'too-large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request-timeout',
};

function parserError(error: NodeJS.ErrnoException): AzudError {
  const code = CODE_OF_PARSER[error.code ?? ''] ?? 'bad-request';
  const reason = 'reason' in error && typeof error.reason === 'string' ? error.reason : error.message;
  return new AzudError(code, code === 'request-timeout' ? 'the request did not arrive in time' : reason.slice(0, 200));
}

function refuseSocket(socket: Socket, error: AzudError, { nextRequestId, rejections }: SocketGuardOptions): void {
  rejections.count(error.code);
  const requestId = nextRequestId();
  const { text, encoding } = textOf(problemAnswer(error, requestId), requestId, CLOSES);
  socket.end(text, encoding, () => socket.destroySoon());
}

/** Node keeps the answer in hand on the socket; there is no public name for it. */
function isAnswering(socket: Socket & { _httpMessage?: { readonly headersSent?: boolean } | null }): boolean {
  return socket._httpMessage?.headersSent === true;
}
