import { readFileSync } from 'node:fs';

/** Of package.json, two folders up both in the sources and in the built package. */
export const VERSION: string = (
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
).version;
