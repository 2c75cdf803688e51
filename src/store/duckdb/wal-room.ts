import { stat } from 'node:fs/promises';

/**
 * No checkpoint can be made beside an open transaction, so the write-ahead log must not grow for the sake of one. What goes in
 * turns goes past this; it is what the smaller units at the beginning of a backlog leave, and half of where the engine folds.
 */
const WAL_BYTES_MAX = 128 * 1024 * 1024;

/** May a transaction that could as well come later stand open now? */
export async function hasRoom(wal: string): Promise<boolean> {
  return (await sizeOf(wal)) <= WAL_BYTES_MAX;
}

/** Bytes; 0 where there is no file. */
export function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}
