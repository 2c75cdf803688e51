import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const KEY_BYTES = 32;

/** The secret that signs cursors; made at the first start, so that cursors outlive a restart. */
export async function cursorKey(dataDir: string): Promise<Buffer> {
  const path = join(dataDir, 'cursor.key');
  const kept = await readFile(path).catch(() => null);
  if (kept?.length === KEY_BYTES) return kept;
  const made = randomBytes(KEY_BYTES);
  await writeFile(path, made, { mode: 0o600 });
  return made;
}
