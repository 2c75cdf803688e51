import { createReadStream, statSync } from 'node:fs';
import { extname, resolve } from 'node:path';
import { AzudError, messageOf } from '../error/azud-error.ts';
import { usage } from './arguments.ts';
import { type Client, clientOf } from './client.ts';
import { CLIENT_OPTIONS, type Command, type Invocation, JSON_OPTION, type World } from './command.ts';
import { Progress, timeText } from './progress.ts';
import { readBatches } from './send/batches.ts';
import { fileJournal, type Journal, noJournal } from './send/journal.ts';
import { type SendSummary, sendBatches } from './send/sender.ts';
import { FILE_FORMATS, type FileFormat } from './send/splitter.ts';
import { unpacked } from './send/unpacked.ts';

/** How long a batch is tried while the server is away, minutes. */
const PATIENCE_MINUTES = 5;
const READ_BYTES = 256 * 1024;
/** How much is in such a file, nobody knows before its end. */
const GZIP_NAME = /\.gz$/;

export const send: Command = {
  name: 'send',
  summary: 'Send a file of any size; run again after a cut, it goes on and stores nothing twice.',
  arguments: [
    { name: 'dataset', description: 'where the events go' },
    { name: 'file', description: 'JSON, NDJSON or CSV, also in gzip; - or nothing is standard input', optional: true },
  ],
  options: {
    format: {
      type: 'string',
      value: 'format',
      choices: FILE_FORMATS,
      description: 'json, ndjson or csv (else by the name).',
    },
    patience: {
      type: 'string',
      value: 'minutes',
      description: `How long to go on trying while the server is away (${PATIENCE_MINUTES}).`,
    },
    ...CLIENT_OPTIONS,
    json: JSON_OPTION,
  },
  examples: ['azud send flights flights.csv', 'azud send flights events.ndjson.gz'],
  async run(invocation, world) {
    const source = sourceOf(invocation, world);
    const client = clientOf(invocation, world);
    const dataset = invocation.arguments.dataset ?? '';
    const summary = await sendSource({ source, client, dataset, patienceMs: patienceMs(invocation) }, world);
    if (invocation.flags.has('json')) world.out.json(forPrograms(summary));
    return summary.rejected > 0 ? 1 : 0;
  },
};

function forPrograms({ notKept, firstTransaction, ...summary }: SendSummary) {
  return { ...summary, not_kept: notKept, first_transaction: firstTransaction };
}

/** Something whose bytes can be sent. */
export interface SendSource {
  /** As they are or in gzip. */
  readonly chunks: AsyncIterable<Buffer | string>;
  readonly format: FileFormat;
  /** Null for a stream. */
  readonly totalBytes: number | null;
  readonly totalEvents?: number;
  /** What tells this content from another; null for a stream, which cannot be read again. */
  readonly identity: readonly string[] | null;
}

export interface SendJob {
  readonly source: SendSource;
  readonly client: Client;
  readonly dataset: string;
  readonly patienceMs: number;
}

/** Sends with a bar and says the sum at the end. @throws as `sendBatches` */
export async function sendSource(job: SendJob, world: World): Promise<SendSummary> {
  const { source, client, dataset, patienceMs } = job;
  const { totalBytes, totalEvents } = source;
  const progress = new Progress({
    out: world.out,
    clock: world.clock,
    label: dataset,
    totalBytes,
    ...(totalEvents !== undefined && { totalEvents }),
  });
  try {
    const summary = await sendBatches({
      client,
      dataset,
      batches: readBatches(unpacked(source.chunks), { dataset, format: source.format }),
      journal: journalOf(job, world, (message) => progress.say(message)),
      clock: world.clock,
      signal: world.signal,
      patienceMs,
      onProgress: (sent) => progress.update(sent),
      onRetry: (message) => progress.say(message),
    });
    progress.end(summary);
    saySummary(summary, progress.elapsedMs, world);
    return summary;
  } catch (error) {
    progress.stop();
    throw error;
  }
}

function saySummary(summary: SendSummary, elapsedMs: number, { out }: World): void {
  const count = (value: number) => value.toLocaleString('en');
  const seconds = Math.max(elapsedMs / 1_000, 0.001);
  const parts = [
    `${count(summary.accepted)} accepted`,
    `${count(summary.rejected)} rejected`,
    `${count(summary.transactions)} ${summary.transactions === 1 ? 'transaction' : 'transactions'}`,
    `${timeText(seconds)}, ${count(Math.round(summary.events / seconds))} events/s`,
  ];
  if (summary.resumed > 0) parts.push(`${count(summary.resumed)} batches were sent before`);
  out.say(parts.join(' · '));
  for (const { row, message } of summary.errors) out.say(out.bad(`  row ${row}: ${message}`));
  const more = summary.rejected - summary.errors.length;
  if (summary.notKept > 0)
    out.say(`  ${count(summary.notKept)} of them alone in a request: not kept, and no dead letter`);
  if (summary.errors.length > 0 && more > 0) out.say(`  and ${count(more)} more; azud dead-letters list shows them`);
}

function journalOf({ source, client, dataset }: SendJob, { env }: World, onLost: (message: string) => void): Journal {
  return source.identity === null
    ? noJournal
    : fileJournal(env, [client.url, dataset, source.format, ...source.identity], onLost);
}

/** @throws AzudError `invalid-usage`, `io-failed` */
function sourceOf(invocation: Invocation, world: World): SendSource {
  const name = invocation.arguments.file ?? '-';
  const format = formatOf(name, invocation.values.format);
  if (name === '-') {
    return { chunks: world.stdin as AsyncIterable<Buffer | string>, format, totalBytes: null, identity: null };
  }
  const file = resolve(world.folder, name);
  try {
    const { size, mtimeMs } = statSync(file);
    return {
      chunks: createReadStream(file, { highWaterMark: READ_BYTES }),
      format,
      totalBytes: GZIP_NAME.test(name) ? null : size,
      identity: [file, String(size), String(mtimeMs)],
    };
  } catch (error) {
    throw new AzudError('io-failed', `${name} cannot be read: ${messageOf(error)}`, {
      hint: 'Check the name and the rights of the file.',
    });
  }
}

/** By the option, else by the name. @throws AzudError `invalid-usage` */
export function formatOf(name: string, given: string | undefined): FileFormat {
  const end = extname(name.replace(GZIP_NAME, ''));
  const word = given ?? { '.jsonl': 'ndjson' }[end] ?? end.slice(1);
  const format = FILE_FORMATS.find((known) => known === word);
  if (format) return format;
  throw usage(
    `the format of ${name === '-' ? 'standard input' : name} is not clear; add --format ${FILE_FORMATS.join('|')}`,
  );
}

function patienceMs({ values }: Invocation): number {
  const text = values.patience ?? String(PATIENCE_MINUTES);
  if (!/^\d{1,5}(\.\d{1,3})?$/.test(text)) throw usage(`--patience takes minutes; got "${text}"`);
  return Number(text) * 60_000;
}
