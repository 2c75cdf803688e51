import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonSchema } from './dataset.ts';
import { branches } from './recursion.ts';

const ref = (name: string) => ({ $ref: `#/$defs/${name}` });
const withDefs = ($defs: JsonSchema): JsonSchema => ({ type: 'object', properties: { root: ref('a') }, $defs });

describe('a schema', () => {
  const LINEAR: readonly (readonly [string, JsonSchema])[] = [
    ['without references', { type: 'object', properties: { a: { type: 'string' } } }],
    ['of shared parts', { properties: { from: ref('a'), to: ref('a') }, $defs: { a: { type: 'string' } } }],
    ['of a list of itself', withDefs({ a: { properties: { children: { items: ref('a') } } } })],
    ['of a chain that may end', withDefs({ a: { properties: { next: { anyOf: [{ type: 'null' }, ref('a')] } } } })],
    ['of two that hold each other', withDefs({ a: { items: ref('b') }, b: { properties: { a: ref('a') } } })],
    ['with a name of its own', { ...withDefs({ a: { type: 'string' } }), $id: 'https://example.org/a' }],
  ];
  for (const [what, schema] of LINEAR) it(`${what} does not branch`, () => assert.equal(branches(schema), false));

  const BRANCHING: readonly (readonly [string, JsonSchema])[] = [
    ['that holds itself in two ways', withDefs({ a: { properties: { x: { anyOf: [ref('a'), ref('a')] } } } })],
    ['that does so by way of another', withDefs({ a: { items: ref('b') }, b: { anyOf: [ref('a'), ref('a')] } })],
    ['whose root does', { properties: { l: { $ref: '#' }, r: { $ref: '#' } } }],
    ['with anchors', withDefs({ a: { $anchor: 'here', items: { $ref: '#here' } } })],
    ['that points into a list', { anyOf: [{ properties: { l: { $ref: '#/anyOf/0' }, r: { $ref: '#/anyOf/0' } } }] }],
    ['that points nowhere', { properties: { l: { $ref: '#/none' } } }],
  ];
  for (const [what, schema] of BRANCHING) it(`${what} branches`, () => assert.equal(branches(schema), true));

  it('is judged in time, however many references it holds', () => {
    const parts = 800;
    const lattice = Object.fromEntries(
      Array.from({ length: parts }, (_, i) => {
        const below = Array.from({ length: Math.min(20, parts - 1 - i) }, (_, j) => ref(`p${i + j + 1}`));
        return [`p${i}`, { items: { anyOf: below } }];
      }),
    );
    const begun = performance.now();
    assert.equal(branches(withDefs({ ...lattice, a: ref('p0') })), false);
    assert.ok(performance.now() - begun < 1_000);
  });
});
