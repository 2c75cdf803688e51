import { chmod, stat } from 'node:fs/promises';
import { AzudError } from '../error/azud-error.ts';
import { makeFolders } from '../lib/folders.ts';

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  EROFS: 'the file system is read-only',
  ENOTDIR: 'a part of the path is a file',
  EEXIST: 'it is a file',
  ENOENT: 'no folder can be made there',
};

/** Makes the data directory, for its owner only. @throws AzudError `storage-full`, `io-failed`: nothing can be kept here */
export async function prepareDataDir(folder: string): Promise<void> {
  try {
    makeFolders(folder);
    await chmod(folder, 0o700);
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    if (code === 'ENOSPC')
      throw new AzudError('storage-full', `no room for the data directory ${folder}`, { cause: error });
    throw new AzudError('io-failed', `cannot use the data directory ${folder}: ${REASONS[code] ?? message}`, {
      cause: error,
      hint: 'Give this user the right to write there, or set another data_dir.',
    });
  }
}

/**
 * For a process that is started again. A disk that is no longer mounted leaves an empty folder, and events taken in there would
 * be hidden when it comes back.
 * @throws AzudError `not-connected` when the folder is gone
 */
export async function requireKept(folder: string): Promise<void> {
  if (await isThere(folder)) return;
  throw new AzudError('not-connected', `${folder} is gone; it was there when this system started`, {
    hint: 'Mount the disk or put the folder back: Azud goes on by itself. To begin anew, stop it and start it again.',
  });
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== 'ENOENT',
  );
}
