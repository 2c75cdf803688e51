import { stat } from 'node:fs/promises';

/**
 * No checkpoint can be made beside an open transaction, so the write-ahead log must not grow for the sake of one. What goes in
 * turns goes past this; it is what the smaller units at the beginning of a backlog leave, and half of where the engine folds.
 */
const WAL_BYTES_MAX = 128 * 1024 * 1024;

/** May a transaction that could as well come later stand open now? */
export async function hasRoom(wal: string): Promise<boolean> {
  const { size } = await stat(wal).catch(() => ({ size: 0 }));
  return size <= WAL_BYTES_MAX;
}
