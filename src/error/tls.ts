import { readFile } from 'node:fs/promises';
import { AzudError, messageOf } from './azud-error.ts';

/** What the TLS of Node says of a certificate that it does not trust. */
const CODES = /^(ERR_TLS_.*|.*_CERT(_.*)?|CERT_.*|UNABLE_TO_VERIFY_LEAF_SIGNATURE|ERR_SSL_.*)$/;

export function isTlsCode(code: string): boolean {
  return CODES.test(code);
}

/** The certificates of an authority. @throws AzudError `invalid-config` naming the setting that names the file */
export async function readAuthority(path: string, setting: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new AzudError('invalid-config', `${setting} cannot be read: ${messageOf(cause)}`, { cause });
  }
}
