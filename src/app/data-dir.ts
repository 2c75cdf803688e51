import { chmod, mkdir } from 'node:fs/promises';
import { AzudError } from '../error/azud-error.ts';

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  EROFS: 'the file system is read-only',
  ENOTDIR: 'a part of the path is a file',
  EEXIST: 'it is a file',
};

/** Makes the data directory, for its owner only. @throws AzudError `storage-full`, `io-failed`: nothing can be kept here */
export async function prepareDataDir(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
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
