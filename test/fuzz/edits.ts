import fc from 'fast-check';

/** A change of bytes at a place, which is taken modulo what there is. */
export interface Edit {
  readonly at: number;
  readonly kind: 'replace' | 'insert' | 'remove' | 'double';
  readonly byte: number;
}

/** A few changes, as data: what they are applied to may be known only when the property runs. */
export const edits: fc.Arbitrary<readonly Edit[]> = fc.array(
  fc.record({
    at: fc.nat(),
    kind: fc.constantFrom('replace', 'insert', 'remove', 'double') as fc.Arbitrary<Edit['kind']>,
    byte: fc.nat(255),
  }),
  { minLength: 1, maxLength: 4 },
);

export function edited(bytes: Buffer, changes: readonly Edit[]): Buffer {
  return changes.reduce((given, { at, kind, byte }) => {
    const place = at % (given.length + 1);
    const [before, rest] = [given.subarray(0, place), given.subarray(place)];
    if (kind === 'insert') return Buffer.concat([before, Buffer.from([byte]), rest]);
    if (kind === 'double') return Buffer.concat([before, rest.subarray(0, 8), rest]);
    return Buffer.concat([before, kind === 'replace' ? Buffer.from([byte]) : Buffer.alloc(0), rest.subarray(1)]);
  }, bytes);
}

/** Bytes with some of them changed. */
export function mutated(bytes: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  return fc.tuple(bytes, edits).map(([given, changes]) => edited(given, changes));
}
