/**
 * The process of one ad-hoc query. It reads its task from stdin, writes columns and rows to its fourth pipe, and ends; it
 * is killed when its time is up, and ends itself when it takes too much memory or nobody waits any more. Nothing in it is
 * worth keeping, so whatever a query does to the engine, it does to this process alone.
 */
import { writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { isAzudError, messageOf } from '../../error/azud-error.ts';
import { AD_HOC_LIMITS } from '../../limits.ts';
import type { AdHocMessage, AdHocTask } from './ad-hoc-messages.ts';
import { classifyQuery } from './errors.ts';
import { checkAdHoc } from './guard.ts';
import { binderOf, SERIALIZE } from './queries.ts';
import { Reader } from './reader.ts';
import { openReadOnly } from './session.ts';

const { tempBytesMax, memoryBeyondBytes, memoryCheckMs, resultBytesMax } = AD_HOC_LIMITS;
/** The parent keeps the time; this only bounds a query whose parent has lost count. */
const TIME_MAX_MS = 3_600_000;

const out = new Socket({ fd: 3, readable: false, writable: true });
// A reader that has gone is told of by the end of stdin.
out.on('error', end);

function end(): void {
  process.kill(process.pid, 'SIGKILL');
}

/** Linux ends the hungriest first when memory runs out: that must be this process, and neither intake nor the database. */
function volunteer(): void {
  try {
    writeFileSync('/proc/self/oom_score_adj', '1000');
  } catch {
    // Another system has another way.
  }
}

async function tell(message: AdHocMessage): Promise<number> {
  const line = `${JSON.stringify(message, (_, value) => (typeof value === 'bigint' ? String(value) : value))}\n`;
  if (!out.write(line)) await new Promise((resolve) => out.once('drain', resolve));
  return line.length;
}

async function run({ query, file, tables, memoryBytes, tempFolder }: AdHocTask): Promise<void> {
  setInterval(() => process.memoryUsage.rss() > memoryBytes + memoryBeyondBytes && end(), memoryCheckMs).unref();
  const instance = await openReadOnly(file, { memoryBytes, tempFolder, tempBytesMax });
  const reader = new Reader(instance);
  const [parsed] = await reader.all(SERIALIZE, [query.text]);
  checkAdHoc(String(parsed?.[0]), new Set(tables));
  const classify = (error: unknown) => classifyQuery(error, 'the query');
  const limits = { timeoutMs: TIME_MAX_MS, signal: new AbortController().signal };
  const read = { text: query.text, bind: binderOf(query.params), columns: null, small: false, classify };
  const stream = await reader.read(read, limits);
  let bytes = await tell({ columns: stream.columns });
  for await (const rows of stream.chunks) {
    // What is above the bound anyway is not worth carrying over.
    if (bytes <= resultBytesMax) bytes += await tell({ rows: rows as (string | number)[][] });
    else break;
  }
  await tell(bytes > resultBytesMax ? tooLarge() : { end: true });
}

function tooLarge(): AdHocMessage {
  return { failed: { code: 'result-too-large', message: `the result is larger than ${resultBytesMax} bytes` } };
}

async function failed(error: unknown): Promise<void> {
  const known = isAzudError(error) ? error : classifyQuery(error, 'the query');
  await tell({ failed: { code: known.code, message: messageOf(known) } });
}

volunteer();
const lines = createInterface({ input: process.stdin });
lines.once('line', (line) => {
  void run(JSON.parse(line) as AdHocTask)
    .catch(failed)
    .then(() => out.end(end));
});
// The parent keeps stdin open for as long as it waits.
lines.once('close', end);
