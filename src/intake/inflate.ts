import { promisify } from 'node:util';
import { gunzip, type InputType, inflate, type ZlibOptions } from 'node:zlib';
import { AzudError, messageOf } from '../error/azud-error.ts';
import type { INTAKE_LIMITS } from '../limits.ts';
import type { Headers } from './media.ts';

type Limits = Pick<typeof INTAKE_LIMITS, 'inflatedBytesMax' | 'inflateRatioMax' | 'eventBytesMax'>;
type Decompress = (body: InputType, options: ZlibOptions) => Promise<unknown>;

const DECOMPRESS: Readonly<Record<string, Decompress>> = { gzip: promisify(gunzip), deflate: promisify(inflate) };

/**
 * Undoes the content encoding of a whole body, off the main thread. The output stops at the limit, and at the ratio above
 * which a body is a bomb; a body of one event may have any ratio.
 * @throws AzudError `unsupported-encoding`, `bad-encoding`, `inflated-too-large`
 */
export async function decodeBody(body: Buffer, encoding: Headers[string], limits: Limits): Promise<Buffer> {
  const name = typeof encoding === 'string' ? encoding.trim().toLowerCase() : '';
  if (encoding === undefined || name === 'identity') return body;
  const decompress = Object.hasOwn(DECOMPRESS, name) ? DECOMPRESS[name] : undefined;
  if (!decompress) {
    throw new AzudError('unsupported-encoding', `the content encoding ${String(encoding).slice(0, 40)} is not taken`);
  }
  const ratioBytesMax = Math.max(body.length * limits.inflateRatioMax, limits.eventBytesMax);
  const maxOutputLength = Math.min(limits.inflatedBytesMax, ratioBytesMax);
  try {
    // With `info` the engine comes along, which knows how much of the body it used.
    const { buffer, engine } = (await decompress(body, { maxOutputLength, info: true })) as Inflated;
    if (engine.bytesWritten !== body.length) throw new Error('bytes follow after its end');
    return buffer;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      throw new AzudError('inflated-too-large', `the body inflates to more than ${maxOutputLength} bytes`);
    }
    throw new AzudError('bad-encoding', `the ${name} body is damaged: ${messageOf(error)}`);
  }
}

interface Inflated {
  readonly buffer: Buffer;
  readonly engine: { readonly bytesWritten: number };
}
