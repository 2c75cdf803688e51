import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stderrLines, type WriteSome } from './lines.ts';
import { createLog } from './log.ts';

function failing(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(code), { code });
}

/** A log, and what reached its descriptor. */
function logOver(write: (bytes: Buffer, call: number) => number) {
  let written = '';
  let calls = 0;
  const some: WriteSome = (bytes) => {
    const taken = write(bytes, calls++);
    written += bytes.subarray(0, taken).toString();
    return taken;
  };
  return { log: createLog('info', stderrLines(some)), lines: () => written.split('\n').filter((line) => line !== '') };
}

test('a line that cannot be written is lost alone: the next one is written when there is room again', () => {
  const { log, lines } = logOver((bytes, call) => {
    if (call === 1) throw failing('ENOSPC');
    return bytes.length;
  });
  log.info('before');
  log.info('on a full disk');
  log.info('after');
  assert.deepEqual(
    lines().map((line) => (JSON.parse(line) as { message: string }).message),
    ['before', 'after'],
  );
});

test('a line that is taken in parts, or not at once, is written whole', () => {
  const { log, lines } = logOver((bytes, call) => {
    if (call === 1) throw failing('EAGAIN');
    return Math.min(bytes.length, 20);
  });
  log.info('in parts');
  assert.deepEqual(
    lines().map((line) => (JSON.parse(line) as { message: string }).message),
    ['in parts'],
  );
});

test('a reader that takes nothing holds up no more than half a second', () => {
  const { log, lines } = logOver(() => {
    throw failing('EAGAIN');
  });
  const from = performance.now();
  log.info('to nobody');
  assert.ok(performance.now() - from < 5_000);
  assert.deepEqual(lines(), []);
});
