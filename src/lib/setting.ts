/**
 * How a setting is declared: once, beside the room that reads it. From the declaration come the parser with its error
 * texts, the JSON Schema for editors, and the reference page (all in config/). Keys are spelled as in azud.yaml.
 */

/** Carries the type of a setting's value; never there at run time. */
declare const VALUE: unique symbol;

interface Description {
  /** One sentence: what it does, with its unit. */
  readonly description: string;
  /** As it would stand in azud.yaml. */
  readonly example?: string;
}

/** From and to, both included, as they would stand in azud.yaml. */
type Range = readonly [from: string, to: string];

/** What readers of declarations switch on. */
export type SettingShape = Description &
  (
    | (Scalar<'string', string> & { readonly pattern?: RegExp; readonly expected?: string })
    | (Scalar<'integer', number> & { readonly minimum: number; readonly maximum: number })
    | Scalar<'boolean', boolean>
    /** Text like `30s`; the value is ms. */
    | (Scalar<'duration', string> & { readonly range?: Range })
    /** Text like `64MiB`; the value is bytes. */
    | Scalar<'bytes', string>
    /** The value is ms since the epoch. */
    | Scalar<'instant', string>
    | (Scalar<'enum', string> & { readonly values: readonly string[] })
    /** Resolved against the folder of azud.yaml; the value is absolute. */
    | Scalar<'path', string>
    /** May also be given as `<key>_file`; never shown. */
    | Scalar<'secret', string>
    /** Text, a number or a boolean, as it stands. */
    | Scalar<'scalar', string | number | boolean>
    | { readonly kind: 'map'; readonly key: RegExp; readonly expectedKey: string; readonly value: Setting }
    | { readonly kind: 'list'; readonly item: Setting }
    | { readonly kind: 'object'; readonly properties: Readonly<Record<string, Setting>> }
    /** An object whose `kind` says which other keys it has. */
    | { readonly kind: 'choice'; readonly variants: Readonly<Record<string, Properties>>; readonly default: string }
    /** A JSON Schema, inline or by `$ref` to a file. */
    | { readonly kind: 'schema' }
  );

interface Scalar<Kind extends string, Written> {
  readonly kind: Kind;
  /** As written in azud.yaml. Null: absent is allowed, and the value is null. Not given: the setting is required. */
  readonly default?: Written | null | undefined;
  /** A variable of the environment that everybody knows, and that counts where azud.yaml says nothing. */
  readonly variable?: string;
}

type Properties = Readonly<Record<string, Setting>>;
export type Setting<Value = unknown> = SettingShape & { readonly [VALUE]?: Value };
export type ValueOf<S> = S extends { readonly [VALUE]?: infer Value } ? Exclude<Value, undefined> : never;
type ValuesOf<P extends Properties> = { readonly [Key in keyof P]: ValueOf<P[Key]> };

/** Makes settings of one kind. A default of null puts null among the values; without a default the setting is required. */
interface Maker<Value, Written, More = unknown> {
  (options: Description & More & { readonly default: null }): Setting<Value | null>;
  (options: Description & More & { readonly default?: Written }): Setting<Value>;
}

function maker<Value, Written, More = unknown>(kind: SettingShape['kind']): Maker<Value, Written, More> {
  return (options: object) => ({ ...options, kind }) as Setting<never>;
}

export const string = maker<
  string,
  string,
  { readonly pattern?: RegExp; readonly expected?: string; readonly variable?: string }
>('string');
export const integer = maker<number, number, { readonly minimum: number; readonly maximum: number }>('integer');
export const boolean = maker<boolean, boolean>('boolean');
/** Value in ms. */
export const duration = maker<number, string, { readonly range?: Range }>('duration');
/** Value in bytes. */
export const bytes = maker<number, string>('bytes');
/** Value in ms since the epoch. */
export const instant = maker<number, string>('instant');
/** Value absolute. */
export const path = maker<string, string>('path');
export const secret = maker<string, never>('secret');
export const scalar = maker<string | number | boolean, never>('scalar');

export function oneOf<const V extends readonly string[]>(
  values: V,
  options: Description & { readonly default?: V[number] },
): Setting<V[number]> {
  return { ...options, kind: 'enum', values };
}

/** Entries by a name of the reader's choice, in the order of the file; absent is empty. */
export function map<V>(
  value: Setting<V>,
  options: Description & { readonly key: RegExp; readonly expectedKey: string },
): Setting<ReadonlyMap<string, V>> {
  return { ...options, kind: 'map', value };
}

/** Absent is empty. */
export function list<V>(item: Setting<V>, options: Description): Setting<readonly V[]> {
  return { ...options, kind: 'list', item };
}

/** Absent is an object of defaults. */
export function object<P extends Properties>(properties: P, options: Description): Setting<ValuesOf<P>> {
  return { ...options, kind: 'object', properties };
}

/** Absent is the default kind with its defaults. */
export function choice<V extends Readonly<Record<string, Properties>>>(
  variants: V,
  options: Description & { readonly default: keyof V & string },
): Setting<{ [Kind in keyof V]: { readonly kind: Kind } & ValuesOf<V[Kind]> }[keyof V]> {
  return { ...options, kind: 'choice', variants };
}

export function schema(options: Description): Setting<Readonly<Record<string, unknown>>> {
  return { ...options, kind: 'schema' };
}
