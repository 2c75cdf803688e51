import { resolve } from 'node:path';
import type { Config } from '../config/config.ts';
import type { Invocation, World } from './command.ts';

/** The configuration that a command line means: its file, and the settings it overrides. @throws as `loadConfig` */
export async function configOf({ values, settings }: Invocation, { env, folder }: World): Promise<Config> {
  // Loaded when it is needed: `azud rows` has no use for a YAML parser and a schema compiler.
  const { loadConfig } = await import('../config/load.ts');
  const dataDir = values['data-dir'];
  return loadConfig({
    path: resolve(folder, values.config ?? env.AZUD_CONFIG ?? 'azud.yaml'),
    env,
    flags: { ...settings, ...(dataDir !== undefined && { data_dir: resolve(folder, dataDir) }) },
  });
}
