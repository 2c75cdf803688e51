import { mkdtemp, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** A Unix socket's path has at most 107 bytes on Linux and 103 on macOS (sun_path). */
const PATH_BYTES_MAX = 103;
const NAME = 'socket';
const POINTER_NAME = 'socket-path';

/** A free path for the owner to listen on. In a folder too deep for a socket, a file says where it lies instead. */
export async function chooseSocketPath(folder: string): Promise<string> {
  await removeSocket(folder);
  const path = join(folder, NAME);
  if (Buffer.byteLength(path) <= PATH_BYTES_MAX) return path;
  const elsewhere = join(await mkdtemp(join(tmpdir(), 'azud-')), NAME);
  await writeFile(join(folder, POINTER_NAME), elsewhere, { mode: 0o600 });
  return elsewhere;
}

/** Where the owner of the log in the folder listens, if it runs. */
export async function findSocketPath(folder: string): Promise<string> {
  try {
    return await readFile(join(folder, POINTER_NAME), 'utf8');
  } catch {
    return join(folder, NAME);
  }
}

/** What an owner left behind, this one or one that was killed. */
export async function removeSocket(folder: string): Promise<void> {
  const path = await findSocketPath(folder);
  await rm(path, { force: true });
  await rm(join(folder, POINTER_NAME), { force: true });
  // Nothing but the socket was in the folder made for it; a folder that holds more is not ours.
  if (dirname(path) !== folder) await rmdir(dirname(path)).catch(() => undefined);
}
