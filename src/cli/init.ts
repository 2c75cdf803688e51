import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { messageOf } from '../error/azud-error.ts';
import { usage } from './arguments.ts';
import type { Command } from './command.ts';
import { INIT_FILES } from './init-files.ts';

export const init: Command = {
  name: 'init',
  summary: 'Write a commented azud.yaml with an example schema; overwrites nothing.',
  arguments: [{ name: 'dir', description: 'where; this folder by default', optional: true }],
  options: {},
  examples: ['azud init my-system'],
  async run(invocation, world) {
    const folder = resolve(world.folder, invocation.arguments.dir ?? '.');
    await mkdir(folder, { recursive: true });
    for (const [name, text] of Object.entries(INIT_FILES)) {
      await writeNew(join(folder, name), text, name === '.gitignore');
    }
    const here = relative(world.folder, folder);
    world.out.say(`wrote ${Object.keys(INIT_FILES).join(', ')}${here === '' ? '' : ` in ${here}`}`);
    world.out.say(`next: ${here === '' ? '' : `cd ${here} && `}azud start`);
    return 0;
  },
};

/** `optional`: a file that is there already may stay as it is. */
async function writeNew(path: string, text: string, optional: boolean): Promise<void> {
  try {
    await writeFile(path, text, { flag: 'wx' });
  } catch (error) {
    const exists = (error as NodeJS.ErrnoException).code === 'EEXIST';
    if (exists && optional) return;
    throw usage(exists ? `${path} is there already; azud init overwrites nothing` : messageOf(error));
  }
}
