/**
 * Loaded before each test file by scripts/test.ts: the end of a file that has not ended when its runner gave it up. The
 * runner asks it to with SIGTERM, which a file that tests signals, or waits for a system that heeds them, may not heed.
 */
const { AZUD_TEST_FILE_MS_MAX } = process.env;
const GRACE_MS = 10_000;

if (AZUD_TEST_FILE_MS_MAX !== undefined) {
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), Number(AZUD_TEST_FILE_MS_MAX) + GRACE_MS).unref();
}
