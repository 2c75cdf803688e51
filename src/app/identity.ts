import { randomBytes, randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Store } from '../store/store.ts';

const KEY_BYTES = 32;

/** What the processes on one store have in common. */
export interface Identity {
  /** The secret that signs cursors: a page may be asked for at one process, and the next at another. */
  readonly cursorKey: Buffer;
  /** Names the store to a broker that divides its work among the loaders of one; null: this process has it alone. */
  readonly group: string | null;
}

/** Made at the first start and kept: in the store where processes share one, else in the data directory. */
export async function identityOf(store: Pick<Store, 'keep'>, dataDir: string): Promise<Identity> {
  const group = await store.keep('group', Buffer.from(randomUUID()));
  const shared = await store.keep('cursor key', randomBytes(KEY_BYTES));
  return { cursorKey: shared ?? (await keyInFile(dataDir)), group: group?.toString() ?? null };
}

async function keyInFile(dataDir: string): Promise<Buffer> {
  const path = join(dataDir, 'cursor.key');
  const kept = await readFile(path).catch(() => null);
  if (kept?.length === KEY_BYTES) return kept;
  const made = randomBytes(KEY_BYTES);
  await writeFile(path, made, { mode: 0o600 });
  return made;
}
