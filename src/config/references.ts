import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { AzudError, messageOf } from '../error/azud-error.ts';
import type { JsonSchema } from '../event/dataset.ts';
import { SourceDocument } from './document.ts';
import type { Place } from './mistake.ts';

/** Keywords whose values are data, not schemas: a `$ref` in them is nobody's reference. */
const DATA_KEYWORDS = new Set(['const', 'enum', 'default', 'examples']);

interface SchemaFile {
  readonly file: string;
  readonly content: unknown;
  /** Null for the schema that stands in azud.yaml itself. */
  readonly document: SourceDocument | null;
}

/**
 * Puts the files that a schema refers to (`$ref: ./file.json`, `./file.json#/$defs/x`) in its place, so that one schema
 * stands alone. References within the schema itself stay. Only local files are read, never the network.
 */
export class References {
  readonly #files = new Map<string, SchemaFile>();

  /** Where a place of a schema stands when it is nothing but a reference to a file; null when it is inline. */
  placeOf(schema: JsonSchema, file: string, path: readonly string[]): Place | null {
    const document = isWholeFile(schema)
      ? this.#files.get(resolve(dirname(file), String(schema.$ref)))?.document
      : null;
    return document ? document.place(document.find(path).nearest) : null;
  }

  /**
   * @param file of the schema: relative references begin at its folder
   * @throws AzudError `invalid-config` for a file that is missing or no JSON, a pointer to nothing, a ring of references
   */
  resolve(schema: JsonSchema, file: string): JsonSchema {
    // A schema that is nothing but a reference becomes that file, whose own `#/…` references then still hold.
    if (isWholeFile(schema)) {
      const target = this.#open(String(schema.$ref), file);
      return asSchema(this.#inline(target.content, target, [target.file]), target.file);
    }
    return asSchema(this.#inline(schema, { file, content: schema, document: null }, [file]), file);
  }

  /** `chain` holds the files and pointers being put in place; its first is the file whose `#/…` references may stay. */
  #inline(value: unknown, from: SchemaFile, chain: readonly string[]): unknown {
    if (Array.isArray(value)) return value.map((item) => this.#inline(item, from, chain));
    if (value === null || typeof value !== 'object') return value;
    const { $ref, ...rest } = value as Record<string, unknown>;
    const inlined = Object.fromEntries(
      Object.entries(rest).map(([key, inner]) => [
        key,
        DATA_KEYWORDS.has(key) ? inner : this.#inline(inner, from, chain),
      ]),
    );
    if (typeof $ref !== 'string')
      return $ref === undefined ? inlined : { $ref: this.#inline($ref, from, chain), ...inlined };
    if ($ref.startsWith('#') && from.file === chain[0]) return { $ref, ...inlined };
    const target = this.#follow($ref, from, chain);
    // Beside other keywords a reference is one more condition.
    if (Object.keys(inlined).length === 0) return target;
    return { ...inlined, allOf: [...(Array.isArray(inlined.allOf) ? inlined.allOf : []), target] };
  }

  #follow($ref: string, from: SchemaFile, chain: readonly string[]): unknown {
    const [path = '', fragment = ''] = $ref.split('#', 2);
    const file = path === '' ? from : this.#open(path, from.file);
    const link = `${file.file}#${fragment}`;
    if (chain.includes(link)) throw wrong(`references run in a ring at ${$ref}`);
    return this.#inline(pointed(file.content, fragment, $ref), file, [...chain, link]);
  }

  #open(path: string, from: string): SchemaFile {
    if (/^[a-z][a-z0-9+.-]*:/i.test(path)) {
      throw wrong(`${path} is no local file; save it beside azud.yaml and refer to ./its-name.json`);
    }
    const file = resolve(dirname(from), path);
    const known = this.#files.get(file) ?? readSchemaFile(file);
    this.#files.set(file, known);
    return known;
  }
}

function isWholeFile(schema: JsonSchema): boolean {
  return typeof schema.$ref === 'string' && !schema.$ref.includes('#') && Object.keys(schema).length === 1;
}

function readSchemaFile(file: string): SchemaFile {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw wrong(`the schema file cannot be read: ${messageOf(error)}`);
  }
  const document = new SourceDocument(file, text);
  const [mistake] = document.syntaxMistakes();
  if (mistake) throw wrong(`${file}:${mistake.place.line}:${mistake.place.column} ${mistake.message}`);
  return { file, document, content: document.root === null ? null : document.valueOf(document.root) };
}

function pointed(content: unknown, fragment: string, $ref: string): unknown {
  const keys = decodeURIComponent(fragment).split('/').slice(1);
  let value = content;
  for (const key of keys.map((raw) => raw.replaceAll('~1', '/').replaceAll('~0', '~'))) {
    if (value === null || typeof value !== 'object' || !Object.hasOwn(value, key)) {
      throw wrong(`${$ref} points to nothing`);
    }
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

function asSchema(value: unknown, file: string): JsonSchema {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw wrong(`${file} holds no JSON Schema`);
  return value as JsonSchema;
}

function wrong(message: string): AzudError {
  return new AzudError('invalid-config', message);
}
