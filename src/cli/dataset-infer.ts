import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import { AzudError, isAzudError, messageOf } from '../error/azud-error.ts';
import type { Command } from './command.ts';
import { inferSchema } from './infer.ts';
import { FILE_FORMATS } from './send/splitter.ts';
import { unpacked } from './send/unpacked.ts';
import { formatOf } from './send.ts';

export const datasetInfer: Command = {
  name: 'dataset infer',
  summary: 'Print a JSON Schema that a sample fits.',
  arguments: [{ name: 'sample', description: 'JSON, NDJSON or CSV; - is standard input' }],
  options: {
    format: {
      type: 'string',
      value: 'format',
      choices: FILE_FORMATS,
      description: 'json, ndjson or csv (else by the name).',
    },
  },
  examples: ['azud dataset infer flights.csv > flights.schema.json'],
  async run(invocation, world) {
    const name = invocation.arguments.sample ?? '-';
    const format = formatOf(name, invocation.values.format);
    const chunks = name === '-' ? world.stdin : createReadStream(resolve(world.folder, name));
    try {
      world.out.json(await inferSchema(unpacked(chunks as AsyncIterable<Buffer | string>), format));
    } catch (error) {
      if (isAzudError(error)) throw error;
      throw new AzudError('io-failed', `${name} cannot be read: ${messageOf(error)}`, {
        hint: 'Check the name and the rights of the file.',
      });
    }
    return 0;
  },
};
