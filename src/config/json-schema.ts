import type { JsonSchema } from '../event/dataset.ts';
import type { Setting } from '../lib/setting.ts';
import { SETTINGS } from './settings.ts';

/** Text with a variable in it stands for a value of any kind. */
const VARIABLE = { type: 'string', pattern: '\\$\\{' };
const AMOUNTS = {
  duration: '^(0|\\d+(\\.\\d+)?\\s?(ms|s|m|h|d|w))$',
  bytes: '^(0|\\d+(\\.\\d+)?\\s?(B|[kKMGT]B|[KMGT]iB))$',
} as const;

/** The JSON Schema 2020-12 of azud.yaml: what editors complete and underline with. */
export function configJsonSchema(): JsonSchema {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'azud.yaml',
    ...schemaOf(SETTINGS),
  };
}

function schemaOf(setting: Setting): Record<string, unknown> {
  const { description } = setting;
  const fallback = 'default' in setting && setting.default !== undefined && setting.default !== null;
  return {
    description,
    ...(fallback && setting.kind !== 'choice' && { default: setting.default }),
    ...shapeOf(setting),
  };
}

function shapeOf(setting: Setting): Record<string, unknown> {
  switch (setting.kind) {
    case 'string':
      return setting.pattern
        ? { type: 'string', anyOf: [{ pattern: setting.pattern.source }, VARIABLE] }
        : { type: 'string' };
    case 'path':
    case 'secret':
    case 'instant':
      return { type: 'string' };
    case 'integer':
      return { anyOf: [{ type: 'integer', minimum: setting.minimum, maximum: setting.maximum }, VARIABLE] };
    case 'boolean':
      return { anyOf: [{ type: 'boolean' }, VARIABLE] };
    case 'enum':
      return { anyOf: [{ enum: [...setting.values] }, VARIABLE] };
    case 'duration':
    case 'bytes':
      return { anyOf: [{ type: 'string', pattern: AMOUNTS[setting.kind] }, { const: 0 }, VARIABLE] };
    case 'scalar':
      return { type: ['string', 'number', 'boolean'] };
    case 'list':
      return { type: 'array', items: schemaOf(setting.item) };
    case 'map':
      return {
        type: 'object',
        additionalProperties: schemaOf(setting.value),
        propertyNames: { pattern: setting.key.source },
      };
    case 'object':
      return objectSchema(setting.properties);
    case 'choice':
      return {
        type: 'object',
        oneOf: Object.entries(setting.variants).map(([kind, properties]) =>
          choiceSchema(kind, properties, setting.default),
        ),
      };
    case 'schema':
      return { type: 'object' };
  }
}

function objectSchema(properties: Readonly<Record<string, Setting>>): Record<string, unknown> {
  const required = Object.entries(properties).flatMap(([name, setting]) => (isRequired(setting) ? [name] : []));
  return {
    type: 'object',
    additionalProperties: false,
    properties: Object.fromEntries(
      Object.entries(properties).flatMap(([name, setting]) =>
        setting.kind === 'secret'
          ? [
              [name, schemaOf(setting)],
              [`${name}_file`, { type: 'string', description: `File that holds ${name}.` }],
            ]
          : [[name, schemaOf(setting)]],
      ),
    ),
    ...(required.length > 0 && { required }),
  };
}

function choiceSchema(kind: string, properties: Readonly<Record<string, Setting>>, fallback: string) {
  const { required = [], ...rest } = objectSchema(properties);
  const names = [...(kind === fallback ? [] : ['kind']), ...(required as string[])];
  return {
    ...rest,
    properties: { kind: { const: kind }, ...(rest.properties as object) },
    ...(names.length > 0 && { required: names }),
  };
}

/** A secret may come from its file instead, so no single key of it is required. */
export function isRequired(setting: Setting): boolean {
  if (setting.kind === 'schema') return true;
  return !['object', 'map', 'list', 'choice', 'secret'].includes(setting.kind) && !('default' in setting);
}
