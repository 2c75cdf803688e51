import { createHash } from 'node:crypto';
import { chmod, mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

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

/** Makes the socket's folder, for its owner only, and removes what a process killed before left there. */
export async function prepareSocket(path: string): Promise<void> {
  const folder = join(path, '..');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  await rm(path, { force: true });
}
