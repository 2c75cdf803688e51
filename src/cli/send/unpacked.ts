import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { AzudError, messageOf } from '../../error/azud-error.ts';

const GZIP = Buffer.from([0x1f, 0x8b]);

/** The bytes of a file, inflated when they begin as gzip does. @throws AzudError `bad-encoding`, and what `chunks` throws */
export async function* unpacked(chunks: AsyncIterable<Buffer | string>): AsyncGenerator<Buffer | string> {
  const source = chunks[Symbol.asyncIterator]();
  let head: Buffer = Buffer.alloc(0);
  let ended = false;
  while (!ended && head.length < GZIP.length) {
    const { done = false, value } = await source.next();
    if (!done) head = Buffer.concat([head, Buffer.from(value)]);
    ended = done;
  }
  async function* whole(): AsyncGenerator<Buffer | string> {
    if (head.length > 0) yield head;
    yield* { [Symbol.asyncIterator]: () => source };
  }
  if (!head.subarray(0, GZIP.length).equals(GZIP)) return yield* whole();
  try {
    yield* pipeline(Readable.from(whole()), createGunzip(), () => {}) as AsyncIterable<Buffer>;
  } catch (error) {
    if (!String((error as NodeJS.ErrnoException).code).startsWith('Z_')) throw error;
    throw new AzudError('bad-encoding', `the gzip is damaged: ${messageOf(error)}`, {
      hint: 'Make the file again; what stands before the damage may have been sent.',
    });
  }
}
