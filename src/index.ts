/** The public door: run Azud inside a Node program. */

export { type RunningAzud, type StartAzudOptions, startAzud } from './app/start.ts';
export type { Config } from './config/config.ts';
export { type LoadOptions, loadConfig } from './config/load.ts';
export { AzudError, type RowError } from './error/azud-error.ts';
export type { ErrorCode } from './error/catalogue.ts';
