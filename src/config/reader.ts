import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { isMap, isSeq, isScalar as isYamlScalar, type Node } from 'yaml';
import { messageOf } from '../error/azud-error.ts';
import { didYouMean } from '../lib/nearest.ts';
import type { Setting, ValueOf } from '../lib/setting.ts';
import { described, entriesOf, isAbsent, itemsOf, type SourceDocument } from './document.ts';
import { interpolate } from './interpolation.ts';
import type { Mistake, Place } from './mistake.ts';
import type { Overrides } from './overrides.ts';
import { isScalar, scanScalar } from './scalars.ts';

/** A place in the tree of settings while it is read. */
interface Spot {
  readonly path: readonly string[];
  /** Null where the file says nothing. */
  readonly node: Node | null;
  /** What a mistake points at when there is no node: the key, or the map it should stand in. */
  readonly around: Node | null;
}

type Of<Kind extends Setting['kind']> = Extract<Setting, { kind: Kind }>;

const WRONG = Symbol('wrong');

/** Reads a document by its declaration and gathers every mistake on the way. */
export class SettingReader {
  readonly mistakes: Mistake[] = [];
  readonly #document: SourceDocument;
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #overrides: Overrides;
  readonly #folder: string;

  constructor(document: SourceDocument, env: Readonly<Record<string, string | undefined>>, overrides: Overrides) {
    this.#document = document;
    this.#env = env;
    this.#overrides = overrides;
    this.#folder = dirname(document.file);
  }

  /** The value of the whole; undefined when something in it is wrong, and then `mistakes` says what. */
  read<S extends Setting>(setting: S): ValueOf<S> | undefined {
    const { root } = this.#document;
    const value = this.#read(setting, { path: [], node: root, around: root });
    return this.mistakes.length === 0 ? (value as ValueOf<S>) : undefined;
  }

  /** Like `read`, but with holes (undefined) where something is wrong, so that more mistakes can be looked for. */
  readPartly(setting: Setting): unknown {
    const { root } = this.#document;
    return withoutWrong(this.#read(setting, { path: [], node: root, around: root }));
  }

  wrong(path: readonly string[], message: string, place?: Place): void {
    this.mistakes.push({
      code: 'invalid-config',
      place: place ?? this.#document.place(this.#document.find(path).nearest),
      path,
      message,
    });
  }

  #read(setting: Setting, spot: Spot): unknown {
    const node = this.#document.resolve(spot.node);
    const resolved = { ...spot, node: isAbsent(node) ? null : node };
    if (isScalar(setting)) return this.#readScalar(setting, resolved);
    switch (setting.kind) {
      case 'object':
        return this.#readProperties(setting.properties, resolved);
      case 'choice':
        return this.#readChoice(setting, resolved);
      case 'map':
        return this.#readMap(setting, resolved);
      case 'list':
        return this.#readList(setting, resolved);
      case 'schema':
        return this.#readSchema(resolved);
    }
  }

  #readScalar(setting: Extract<Setting, { default?: unknown }>, spot: Spot): unknown {
    if (!isScalar(setting)) return WRONG;
    const override = this.#overrides.take(spot.path);
    const secret = setting.kind === 'secret';
    if (override) {
      return this.#scan(setting, { ...spot, written: override.text, text: true, place: override.place });
    }
    if (spot.node === null) {
      const known = setting.variable === undefined ? undefined : this.#env[setting.variable];
      if (known) {
        const place = { origin: setting.variable ?? '', line: null, column: null };
        return this.#scan(setting, { ...spot, written: known, text: true, place });
      }
      if (setting.default === undefined) return this.#missing(setting, spot);
      if (setting.default === null) return null;
      return this.#scan(setting, { ...spot, written: setting.default, text: false, place: this.#place(spot) });
    }
    if (!isYamlScalar(spot.node)) {
      return this.#unexpected(spot, wordsFor(setting, this.#folder), secret ? '' : described(spot.node));
    }
    const { value } = spot.node;
    if (typeof value !== 'string') {
      return this.#scan(setting, { ...spot, written: value, text: false, place: this.#place(spot) });
    }
    const { text, replaced, undefinedVariables } = interpolate(value, this.#env);
    for (const message of undefinedVariables) this.wrong(spot.path, message, this.#place(spot));
    if (undefinedVariables.length > 0) return WRONG;
    return this.#scan(setting, { ...spot, written: text, text: replaced, place: this.#place(spot) });
  }

  #scan(setting: Setting, spot: Spot & { written: unknown; text: boolean; place: Place }): unknown {
    if (!isScalar(setting)) return WRONG;
    const scanned = scanScalar(setting, spot.written, { text: spot.text, folder: this.#folder });
    if ('value' in scanned) return scanned.value;
    const came = setting.kind === 'secret' ? '' : `, got ${JSON.stringify(spot.written)}`;
    const hint =
      setting.kind === 'enum' && typeof spot.written === 'string' ? didYouMean(spot.written, setting.values) : '';
    this.wrong(spot.path, `expected ${scanned.expected}${came}${hint}`, spot.place);
    return WRONG;
  }

  #readChoice(setting: Of<'choice'>, spot: Spot): unknown {
    const kinds = Object.keys(setting.variants);
    const kindSetting: Setting = {
      kind: 'enum',
      values: kinds,
      default: setting.default,
      description: setting.description,
    };
    if (spot.node !== null && !isMap(spot.node)) {
      return this.#unexpected(spot, `a map such as { kind: ${setting.default} }`, described(spot.node));
    }
    const kindEntry = spot.node === null ? undefined : entriesOf(spot.node).find(({ name }) => name === 'kind');
    const kind = this.#read(kindSetting, {
      path: [...spot.path, 'kind'],
      node: kindEntry?.value ?? null,
      around: spot.around ?? spot.node,
    });
    const properties = typeof kind === 'string' ? setting.variants[kind] : undefined;
    if (properties === undefined) return WRONG;
    const rest = this.#readProperties({ ...properties, kind: kindSetting }, spot);
    return typeof rest === 'object' ? { ...rest, kind } : rest;
  }

  #readProperties(properties: Readonly<Record<string, Setting>>, spot: Spot): unknown {
    if (spot.node !== null && !isMap(spot.node)) return this.#unexpected(spot, 'a map', described(spot.node));
    const entries = new Map(spot.node === null ? [] : entriesOf(spot.node).map((entry) => [entry.name, entry]));
    const known = Object.entries(properties).flatMap(([name, { kind }]) =>
      kind === 'secret' ? [name, `${name}_file`] : [name],
    );
    for (const { name, key } of entries.values()) {
      if (known.includes(name)) continue;
      const hint = didYouMean(name, known) || `; the keys here are ${known.join(', ')}`;
      this.wrong([...spot.path, name], `unknown key${hint}`, this.#document.place(key));
    }
    return Object.fromEntries(
      Object.entries(properties).map(([name, setting]) => {
        const entry = entries.get(name);
        const inner = {
          path: [...spot.path, name],
          node: entry?.value ?? null,
          around: entry?.key ?? spot.around ?? spot.node,
        };
        if (setting.kind !== 'secret') return [name, this.#read(setting, inner)];
        return [name, this.#readSecret(setting, inner, entries.get(`${name}_file`)?.value ?? null)];
      }),
    );
  }

  /** `secret: …` or `secret_file: ./path`, not both. */
  #readSecret(setting: Of<'secret'>, spot: Spot, fileNode: Node | null): unknown {
    const filePath = [...spot.path.slice(0, -1), `${spot.path.at(-1)}_file`];
    const fileSetting: Setting = { kind: 'path', default: null, description: setting.description };
    const file = this.#read(fileSetting, { path: filePath, node: fileNode, around: spot.around });
    if (file === WRONG) return WRONG;
    if (file === null || this.#overrides.take(spot.path)) return this.#read(setting, spot);
    if (!isAbsent(spot.node)) {
      this.wrong(filePath, `stands beside ${spot.path.at(-1)}; give one of the two`);
      return WRONG;
    }
    try {
      const text = readFileSync(String(file), 'utf8').replace(/\r?\n$/, '');
      if (text !== '') return text;
      this.wrong(filePath, `the file ${file} is empty`);
    } catch (error) {
      this.wrong(filePath, `the file cannot be read: ${messageOf(error)}`);
    }
    return WRONG;
  }

  #readMap(setting: Of<'map'>, spot: Spot): unknown {
    if (spot.node !== null && !isMap(spot.node)) return this.#unexpected(spot, 'a map', described(spot.node));
    const values = new Map<string, unknown>();
    for (const { name, key, value } of spot.node === null ? [] : entriesOf(spot.node)) {
      const path = [...spot.path, name];
      if (!setting.key.test(name)) {
        this.wrong(path, `expected ${setting.expectedKey}, got "${name}"`, this.#document.place(key));
        continue;
      }
      values.set(name, this.#read(setting.value, { path, node: value, around: key }));
    }
    return values;
  }

  #readList(setting: Of<'list'>, spot: Spot): unknown {
    if (spot.node !== null && !isSeq(spot.node)) return this.#unexpected(spot, 'a list', described(spot.node));
    const items = spot.node === null ? [] : itemsOf(spot.node);
    return items.map((node, at) =>
      this.#read(setting.item, { path: [...spot.path, String(at)], node, around: node ?? spot.node }),
    );
  }

  /** Taken as it stands: a schema's patterns are full of `$`, so nothing is put in. References are followed later. */
  #readSchema(spot: Spot): unknown {
    if (spot.node === null) return this.#missing({ kind: 'schema', description: '' }, spot);
    if (!isMap(spot.node)) return this.#unexpected(spot, 'a JSON Schema (a map)', described(spot.node));
    return this.#document.valueOf(spot.node);
  }

  #missing(setting: Setting, spot: Spot): typeof WRONG {
    const example = setting.example === undefined ? '' : `, e.g. ${spot.path.at(-1)}: ${setting.example}`;
    const needed = setting.kind === 'schema' ? 'a JSON Schema' : wordsFor(setting, this.#folder);
    this.wrong(spot.path, `missing; expected ${needed}${example}`, this.#place(spot));
    return WRONG;
  }

  #unexpected(spot: Spot, expected: string, came: string): typeof WRONG {
    this.wrong(spot.path, `expected ${expected}${came === '' ? '' : `, got ${came}`}`, this.#place(spot));
    return WRONG;
  }

  #place(spot: Spot): Place {
    return this.#document.place(spot.node ?? spot.around);
  }
}

/** What a scalar expects, learned from its own parser. */
function wordsFor(setting: Setting, folder: string): string {
  if (!isScalar(setting)) return `a ${setting.kind}`;
  const scanned = scanScalar(setting, undefined, { text: false, folder });
  return 'expected' in scanned ? scanned.expected : setting.kind;
}

function withoutWrong(value: unknown): unknown {
  if (value === WRONG) return undefined;
  if (value instanceof Map) return new Map([...value].map(([name, inner]) => [name, withoutWrong(inner)]));
  if (Array.isArray(value)) return value.map(withoutWrong);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, withoutWrong(inner)]));
}
