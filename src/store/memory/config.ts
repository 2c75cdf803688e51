/** Keeps everything in this process's memory: for tests and trials. Nothing survives the process. */
export interface MemoryStoreConfig {
  readonly kind: 'memory';
}
