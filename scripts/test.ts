/**
 * `npm test`: runs every test file that this machine can run, each in a process of its own, and names the rest.
 * Words after it choose files by a part of their path: `npm test -- broker/log tidy`.
 */
import { globSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { run } from 'node:test';
import { pathToFileURL } from 'node:url';
import { ADAPTERS, type Adapter, requiredAdapters } from '../test/support/adapters.ts';
import { isTheFile, Report, type TestEvent } from '../test/support/report.ts';

const root = resolve(import.meta.dirname, '..');
/** Loaded before each file. */
const DEADLINE = pathToFileURL(resolve(root, 'test/support/deadline.ts')).href;

/** Two at once: the tests of the front door measure time, and more would measure each other. */
const CONCURRENCY = 2;
/** The longest test file starts and kills whole systems for about two minutes. */
const FILE_TIMEOUT_MS = 5 * 60_000;

interface Absent {
  readonly adapter: Adapter;
  readonly missing: string;
}

async function main(words: readonly string[]): Promise<number> {
  const report = new Report(process.stdout, root);
  const required = requiredAdapters(process.env.AZUD_TEST_REQUIRE);
  const absent = await absentAdapters();
  const files = testFiles(words).filter((file) => !absent.some(({ adapter }) => file.startsWith(adapter.folder)));
  if (files.length === 0) report.fail('npm test', `there is no test file to run for: ${words.join(' ') || 'all'}`);
  if (files.length > 0) await runFiles(files, report);
  for (const { adapter, missing } of absent) {
    if (required.has(adapter.name)) report.fail(adapter.name, `${missing}; ${adapter.remedy}`);
    else report.note(`not run: ${adapter.name} (${missing}); to run it, ${adapter.remedy}`);
  }
  return report.end();
}

function testFiles(words: readonly string[]): string[] {
  const files = globSync(['src/**/*.test.ts', 'test/**/*.test.ts'], { cwd: root }).sort();
  const parts = words.map((word) => relative(root, resolve(word)));
  if (words.length === 0) return files;
  return files.filter((file) => [...words, ...parts].some((part) => part !== '' && file.includes(part)));
}

/** One after the other: a look that takes a while would hold up the answers that another waits for. */
async function absentAdapters(): Promise<Absent[]> {
  const absent: Absent[] = [];
  for (const adapter of ADAPTERS) {
    const missing = await adapter.missing();
    if (missing !== null) absent.push({ adapter, missing });
  }
  return absent;
}

async function runFiles(files: readonly string[], report: Report): Promise<void> {
  const stream = run({
    files: files.map((file) => resolve(root, file)),
    cwd: root,
    concurrency: CONCURRENCY,
    timeout: FILE_TIMEOUT_MS,
    execArgv: ['--disable-warning=ExperimentalWarning', '--import', DEADLINE],
    env: { ...process.env, AZUD_TEST_FILE_MS_MAX: String(FILE_TIMEOUT_MS) },
  });
  const note = (data: TestEvent, add: (event: TestEvent) => void) => {
    add(data);
    if (isTheFile(data)) report.ended(data.name, data.details.duration_ms);
  };
  stream.on('test:pass', (data) => note(data, (event) => report.pass(event)));
  stream.on('test:fail', (data) => note(data, (event) => report.failure(event)));
  stream.on('test:summary', ({ file, duration_ms }) => file && report.ended(file, duration_ms));
  stream.on('test:stdout', ({ file, message }) => report.output(file, message));
  stream.on('test:stderr', ({ file, message }) => report.output(file, message));
  for await (const _event of stream);
}

process.exitCode = await main(process.argv.slice(2));
