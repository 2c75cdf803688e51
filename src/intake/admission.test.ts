import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { INTAKE_LIMITS } from '../limits.ts';
import { Admission } from './admission.ts';

const admission = () => new Admission({ ...INTAKE_LIMITS, takingBytesMax: 1_000, takingRequestsMax: 3 });
const OVERLOADED = { code: 'overloaded', retryAfterSeconds: 1 };

test('what is taken in together is bounded by its bytes, and each that leaves makes room', () => {
  const gate = admission();
  const first = gate.enter(Buffer.alloc(600), undefined);
  assert.throws(() => gate.enter(Buffer.alloc(401), undefined), OVERLOADED);
  const second = gate.enter(Buffer.alloc(400), undefined);
  gate.leave(first);
  gate.enter(Buffer.alloc(600), undefined);
  assert.deepEqual([first, second], [600, 400]);
});

test('a lone body passes, whatever its size', () => {
  const gate = admission();
  const bytes = gate.enter(Buffer.alloc(5_000), undefined);
  assert.throws(() => gate.enter(Buffer.alloc(1), undefined), OVERLOADED);
  gate.leave(bytes);
  gate.enter(Buffer.alloc(1), undefined);
});

test('the number of requests is bounded, however small they are', () => {
  const gate = admission();
  const small = () => gate.enter(Buffer.alloc(1), undefined);
  const taken = [small(), small(), small()];
  assert.throws(small, OVERLOADED);
  for (const bytes of taken) gate.leave(bytes);
  small();
});

test('a compressed body counts with what it says that it inflates to, and never with less than text does', () => {
  const gate = admission();
  const gzip = gzipSync(Buffer.alloc(5_000));
  assert.equal(gate.enter(gzip, ' GZIP '), gzip.length + 5_000);
  assert.equal(admission().enter(Buffer.alloc(100), 'deflate'), 500);
  const lying = Buffer.from(gzip);
  lying.writeUInt32LE(0, lying.length - 4);
  assert.equal(admission().enter(lying, 'gzip'), lying.length * 5);
  const boasting = Buffer.from(gzip);
  boasting.writeUInt32LE(0xffff_ffff, boasting.length - 4);
  assert.equal(admission().enter(boasting, 'gzip'), boasting.length + INTAKE_LIMITS.inflatedBytesMax);
});
