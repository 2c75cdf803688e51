import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formOf } from './media.ts';

const of = (type: string, more = {}) => formOf({ 'content-type': type, ...more });

describe('the form of a body', () => {
  it('follows from its one media type', () => {
    assert.equal(of('application/json'), 'json');
    assert.equal(of(' APPLICATION/JSON ; Charset=UTF-8 '), 'json');
    assert.equal(of('application/json; charset="utf-8"; profile=x'), 'json');
    assert.equal(of('application/x-ndjson'), 'ndjson');
    assert.equal(of('text/csv; header=present'), 'csv');
    assert.equal(of('application/cloudevents+json; charset=utf-8'), 'cloudevent');
    assert.equal(of('application/cloudevents-batch+json'), 'cloudevent-batch');
  });

  it('is binary when CloudEvents headers stand beside JSON', () => {
    assert.equal(of('application/json', { 'ce-id': '1' }), 'cloudevent-binary');
    assert.equal(of('application/vnd.x+json', { 'ce-specversion': '1.0' }), 'cloudevent-binary');
    assert.equal(of('application/cloudevents+json', { 'ce-id': '1' }), 'cloudevent');
  });

  it('is refused where an id in the headers would be passed over: binary mode is JSON', () => {
    for (const type of ['text/csv', 'application/x-ndjson', 'application/cloudevents-batch+json;x=y']) {
      const refused = { code: 'unsupported-media-type' };
      if (type.startsWith('application/cloudevents')) assert.equal(of(type, { 'ce-id': '1' }), 'cloudevent-batch');
      else assert.throws(() => of(type, { 'ce-id': '1' }), refused, type);
    }
  });

  it('is refused for CSV that says it has no header line: its first row would be lost', () => {
    assert.throws(() => of('text/csv; charset=utf-8; Header=absent'), { code: 'unsupported-media-type' });
    assert.throws(() => of('text/csv;header="absent"'), { code: 'unsupported-media-type' });
  });

  it('is refused for anything else', () => {
    for (const type of [
      '',
      'json',
      'text/plain',
      '*/*',
      'application/json, application/json',
      'application/json text/plain',
      'multipart/form-data; boundary=x',
      'application/xml',
      '__proto__/x',
    ]) {
      assert.throws(() => of(type), { code: 'unsupported-media-type' }, type);
    }
    assert.throws(() => formOf({}), { code: 'unsupported-media-type' });
    assert.throws(() => formOf({ 'content-type': ['application/json', 'text/csv'] }), {
      code: 'unsupported-media-type',
    });
    for (const charset of ['utf-16', '"utf-16"', 'latin1', 'utf-8;charset=utf-16']) {
      assert.throws(() => of(`application/json;charset=${charset}`), { code: 'unsupported-charset' }, charset);
    }
  });
});
