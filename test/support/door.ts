import { jsonAnswer } from '../../src/http/answer.ts';
import { Authenticator } from '../../src/http/auth.ts';
import type { Rooms } from '../../src/http/rooms.ts';
import type { Handler, Route } from '../../src/http/routes/route.ts';
import { HttpServer, type HttpServerOptions } from '../../src/http/server.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import { Metrics } from '../../src/telemetry/metrics.ts';

/** Rooms for doors whose routes ask none. */
const NO_ROOMS = new Proxy({} as Rooms, {
  get: (_, name) => {
    throw new Error(`this door has no room ${String(name)}`);
  },
});

/** A route for tests of the door itself. */
export function testRoute(path: string, handler: Handler, more: Partial<Route> = {}): Route {
  return {
    id: path,
    method: 'GET',
    path,
    home: 'any',
    tag: 'system',
    summary: path,
    description: '',
    scope: 'public',
    parameters: [],
    requestBody: null,
    streamed: false,
    bodyBytesMax: 0,
    responses: {},
    errors: [],
    example: '',
    handler,
    ...more,
  };
}

/** Takes a body and answers its size. */
export const ECHO = testRoute('/echo', ({ body }) => jsonAnswer(200, { bytes: body.length }), {
  method: 'POST',
  bodyBytesMax: 1_000,
});

export interface OpenDoor {
  readonly server: HttpServer;
  readonly port: number;
  readonly url: string;
  readonly metrics: Metrics;
}

/** A front door with these routes and nothing behind it. */
export async function openDoor(
  routes: readonly Route[],
  options: Partial<HttpServerOptions> = {},
  path?: string,
): Promise<OpenDoor> {
  const metrics = new Metrics();
  const server = new HttpServer({
    routes,
    rooms: NO_ROOMS,
    forwarder: null,
    authenticator: new Authenticator([], systemClock),
    metrics,
    log: silentLog,
    ...options,
  });
  const port = await server.listen(path === undefined ? { host: '127.0.0.1', port: 0 } : { path });
  return { server, port, url: `http://127.0.0.1:${port}`, metrics };
}
