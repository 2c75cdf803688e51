/** The memory broker keeps everything in the process: nothing to set. For tests and `azud check`. */
export const MEMORY_SETTINGS = {};
