/** One system call may write or read less than was asked: these go on until all is done. */

/** Writes some of the buffers' bytes from `position`, at least one unless nothing fits; answers how many. */
type WriteOnce = (buffers: readonly Buffer[], position: number) => Promise<number>;
/** Fills some of the buffer from `at`, out of the file from `position`; 0 at the end of the file. */
type ReadOnce = (buffer: Buffer, at: number, position: number) => Promise<number>;

/** Writes all buffers one after the other. @throws what `once` throws; `EIO` when the disk takes nothing any more */
export async function writeWhole(buffers: readonly Buffer[], position: number, once: WriteOnce): Promise<void> {
  const bytes = buffers.reduce((sum, buffer) => sum + buffer.length, 0);
  let done = await once(buffers, position);
  // A short write is not an error yet: the next one says why.
  while (done < bytes) {
    const written = await once(rest(buffers, done), position + done);
    if (written === 0) throw Object.assign(new Error('the disk takes no more bytes'), { code: 'EIO' });
    done += written;
  }
}

/** Fills the buffer; answers the bytes read, fewer only at the end of the file. */
export async function readWhole(buffer: Buffer, position: number, once: ReadOnce): Promise<number> {
  let done = 0;
  while (done < buffer.length) {
    const count = await once(buffer, done, position + done);
    if (count === 0) break;
    done += count;
  }
  return done;
}

/** What is left of the buffers after their first `done` bytes. */
function rest(buffers: readonly Buffer[], done: number): Buffer[] {
  let skip = done;
  return buffers.flatMap((buffer) => {
    const left = buffer.subarray(Math.min(skip, buffer.length));
    skip -= buffer.length - left.length;
    return left.length > 0 ? [left] : [];
  });
}
