import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Clock } from '../lib/clock.ts';
import { Output } from './output.ts';
import { Progress, timeText } from './progress.ts';
import { renderTable } from './table.ts';

describe('a table', () => {
  const rows = [
    { name: 'LAS', delay: 12, note: 'a long remark that goes on and on' },
    { name: 'ATL', delay: -3.5, note: null },
  ];

  test('aligns text to the left and numbers to the right', () => {
    assert.deepEqual(renderTable(rows, { width: null, columns: ['name', 'delay'] }), [
      'name  delay',
      'LAS      12',
      'ATL    -3.5',
    ]);
  });

  test('is cut to the width of the terminal, the widest column first', () => {
    const lines = renderTable(rows, { width: 30 });
    assert.ok(
      lines.every((line) => [...line].length <= 30),
      lines.join('\n'),
    );
    assert.match(lines[1] ?? '', /^LAS {6}12 {2}a long remark.*…$/);
  });

  test('shows no control characters of the data', () => {
    assert.ok(
      !renderTable([{ a: 'x\u001b[31m\ny' }], { width: null })
        .join('|')
        .includes('\u001b'),
    );
  });
});

describe('output', () => {
  const shownBy = (write: (out: Output) => void, terminal: { out: boolean; err: boolean }, columns = 0) => {
    let text = '';
    const stdout = { write: (part: string) => (text += part), isTTY: terminal.out, columns };
    write(new Output({ stdout, stderr: { write: () => true, isTTY: terminal.err }, plain: false }));
    return text;
  };

  test('colours data where data are looked at, whoever listens to the talk', () => {
    const verdict = (out: Output) => out.data(out.verdict(true));
    assert.equal(shownBy(verdict, { out: true, err: false }), '\u001b[32mok  \u001b[0m\n');
    assert.equal(shownBy(verdict, { out: false, err: true }), 'ok  \n');
  });

  test('takes a terminal that tells no width for one of 80 columns', () => {
    const row = { time: '2026-01-01T00:00:00.000Z', note: 'x'.repeat(40) };
    assert.match(
      shownBy((out) => out.table([row]), { out: true, err: true }),
      /2026-01-01T00:00:00\.000Z {2}x{40}\n/,
    );
  });
});

describe('progress', () => {
  function progressAt(isTTY: boolean, totalBytes: number | null) {
    let now = 0;
    let text = '';
    const clock: Clock = { now: () => now, monotonic: () => now, sleep: async () => {} };
    const sink = { write: (part: string) => (text += part), isTTY, columns: 100 };
    const out = new Output({ stdout: sink, stderr: sink, plain: true });
    const progress = new Progress({ out, clock, label: 'flights', totalBytes });
    return { progress, pass: (ms: number) => (now += ms), shown: () => text };
  }

  test('on a terminal is a bar with rate and time left', () => {
    const { progress, pass, shown } = progressAt(true, 1_000);
    pass(10_000);
    progress.update({ events: 50_000, bytes: 250 });
    assert.match(shown(), /flights {2}█{6}░{18} {2}25% {2}50,000 events {2}5,000\/s {2}30 s left/);
  });

  test('ends whole: what stands between the events of a file is not counted on the way', () => {
    const { progress, pass, shown } = progressAt(true, 1_000);
    pass(1_000);
    progress.end({ events: 10, bytes: 980 });
    assert.match(shown(), /█{24} {2}100% {2}10 events {2}10\/s/);
  });

  test('elsewhere is a line now and then, without a bar', () => {
    const { progress, pass, shown } = progressAt(false, 1_000);
    for (let i = 1; i <= 120; i++) {
      pass(100);
      progress.update({ events: i, bytes: i });
    }
    assert.equal(shown().trim().split('\n').length, 2);
    assert.ok(!shown().includes('█') && !shown().includes('\r'));
  });

  test('tells no share where the whole is not known', () => {
    const { progress, pass } = progressAt(true, null);
    pass(2_000);
    assert.equal(progress.text({ events: 10, bytes: 5 }), 'flights  10 events  5/s');
  });

  test('writes time as people do', () => {
    assert.deepEqual([0.2, 59, 61, 3_700].map(timeText), ['1 s', '59 s', '1 min 01 s', '1 h 01 min']);
  });
});
