import { createHash } from 'node:crypto';
import { chmod, mkdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AzudError } from '../error/azud-error.ts';
import { Forwarder, PING_PATH } from '../http/forward.ts';
import { systemClock } from '../lib/clock.ts';
import { HTTP_LIMITS } from '../limits.ts';

/** The kernel's bound for the path of a Unix socket is 108 bytes with the closing NUL. */
const SOCKET_PATH_BYTES_MAX = 107;

/**
 * Where the processes of one installation meet: in its data directory, or, when that path is too long for a socket, in a
 * folder of its own under the system's temporary one. Same data directory, same path.
 */
export function socketPath(dataDir: string, name: string): string {
  const path = join(dataDir, 'run', name);
  if (Buffer.byteLength(path) <= SOCKET_PATH_BYTES_MAX) return path;
  const tag = createHash('sha256').update(dataDir).digest('hex').slice(0, 16);
  return join(tmpdir(), `azud-${tag}`, name);
}

/** How long a living process at the socket is waited for: an orphan may be just ending. */
const PATIENCE_MS = 2_000;
const RETRY_MS = 50;

/**
 * Makes the socket's folder, for its owner only, and removes what a process killed before left there.
 * @throws AzudError `locked` when a process answers there: it is of another start on the same data directory
 */
export async function prepareSocket(path: string, patienceMs: number = PATIENCE_MS): Promise<void> {
  const folder = join(path, '..');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  const deadline = systemClock.monotonic() + patienceMs;
  while (await isServed(path)) {
    if (systemClock.monotonic() >= deadline) throw await lockedBy(path);
    await systemClock.sleep(RETRY_MS);
  }
  await rm(path, { force: true });
}

function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

/** One that hangs does not say which it is. */
async function lockedBy(path: string): Promise<AzudError> {
  const pid = await pidAt(path);
  if (pid !== null) return new AzudError('locked', `the data directory is locked by pid ${pid} (${path})`);
  const hint = `\`fuser ${path}\` names the process: stop it, or use another data directory.`;
  return new AzudError('locked', `the data directory is locked by a process that serves at ${path}`, { hint });
}

async function pidAt(socketPath: string): Promise<number | null> {
  const forwarder = new Forwarder({ socketPath });
  try {
    const signal = AbortSignal.timeout(HTTP_LIMITS.pingTimeoutMs);
    const { body } = await forwarder.fetch(PING_PATH, { principal: { name: 'start', scopes: [] }, signal });
    const { pid } = JSON.parse(body.toString()) as { readonly pid?: unknown };
    return typeof pid === 'number' ? pid : null;
  } catch {
    return null;
  } finally {
    forwarder.close();
  }
}
