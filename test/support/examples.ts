import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type System, type SystemOptions, startSystem } from './system.ts';

export const EXAMPLES = resolve(import.meta.dirname, '../../examples');

/** An example as it is, on a free port and on data of its own. */
export function startExample(name: string, env: SystemOptions['env'] = {}): Promise<System> {
  const folder = join(EXAMPLES, name);
  const files = readdirSync(folder).filter((file) => /\.(json|ndjson)$/.test(file));
  return startSystem({
    config: readFileSync(join(folder, 'azud.yaml'), 'utf8'),
    files: Object.fromEntries(files.map((file) => [file, readFileSync(join(folder, file), 'utf8')])),
    env,
  });
}
