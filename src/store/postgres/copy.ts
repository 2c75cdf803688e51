import { once } from 'node:events';
import type { ClientBase } from 'pg';
import { from } from 'pg-copy-streams';

export interface CopyTarget {
  /** The table and its columns. */
  readonly into: string;
  readonly format: 'text' | 'binary';
}

/** The server reads one part while the next is made; a part is done with when the one after the next is asked for. @throws what the parts throw, or the server answers */
export async function copyInto(
  client: ClientBase,
  { into, format }: CopyTarget,
  parts: Iterable<Buffer>,
): Promise<void> {
  const copy = client.query(from(`COPY ${into} FROM STDIN WITH (FORMAT ${format})`));
  const failed = new Promise<never>((_resolve, reject) => copy.once('error', reject));
  let over = false;
  // It is met at the next await, or not at all when the parts themselves failed.
  failed.catch(() => {
    over = true;
  });
  try {
    const each = parts[Symbol.iterator]();
    for (let next = each.next(); !next.done; ) {
      const drained = copy.write(next.value) ? null : once(copy, 'drain');
      drained?.catch(() => {});
      next = each.next();
      if (drained) await Promise.race([drained, failed]);
    }
  } catch (error) {
    // The stream's own state does not show that the server, or the connection, has ended it.
    if (!over) await abandon(copy, error);
    throw error;
  }
  const finished = once(copy, 'finish');
  finished.catch(() => {});
  copy.end();
  await Promise.race([finished, failed]);
}

/** Tells the server that no more comes. It has ended when the server has said so. */
async function abandon(copy: ReturnType<typeof from>, error: unknown): Promise<void> {
  const closed = new Promise((resolve) => copy.once('close', resolve));
  copy.on('error', () => {});
  copy.destroy(error instanceof Error ? error : new Error(String(error)));
  await closed;
}
