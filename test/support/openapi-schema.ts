/**
 * The shape of an OpenAPI 3.1 document (spec.openapis.org/oas/v3.1.0), as far as Azud's documents use it, as JSON Schema
 * 2020-12. Stricter than the specification: what Azud does not use is not allowed, so that a slip of the pen is found.
 */
const text = { type: 'string' };
const closed = (properties: object, required: readonly string[] = []) => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
});
const mapOf = (values: object, names: object = {}) => ({
  type: 'object',
  propertyNames: names,
  additionalProperties: values,
});
const ref = (name: string) => ({ $ref: `#/$defs/${name}` });
/** Held against the meta-schema by compiling it: see openapi.test.ts. */
const schema = { type: ['object', 'boolean'] };

export const OPENAPI_SCHEMA = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  ...closed(
    {
      openapi: { const: '3.1.0' },
      info: closed({ title: { ...text, minLength: 1 }, version: text, description: text }, ['title', 'version']),
      servers: { type: 'array', minItems: 1, items: closed({ url: { ...text, format: 'uri' } }, ['url']) },
      tags: { type: 'array', items: closed({ name: text, description: text }, ['name']) },
      paths: mapOf(ref('pathItem'), { pattern: '^/' }),
      components: closed({
        schemas: mapOf(schema, { pattern: '^[a-zA-Z0-9._-]+$' }),
        securitySchemes: mapOf(closed({ type: { const: 'http' }, scheme: { const: 'bearer' } }, ['type', 'scheme'])),
      }),
    },
    ['openapi', 'info', 'paths'],
  ),
  $defs: {
    pathItem: { ...closed({ get: ref('operation'), post: ref('operation') }), minProperties: 1 },
    operation: closed(
      {
        operationId: { ...text, pattern: '^[A-Za-z][A-Za-z0-9_.-]*$' },
        tags: { type: 'array', items: text, minItems: 1 },
        summary: { ...text, minLength: 1 },
        description: text,
        security: { type: 'array', items: mapOf({ type: 'array', items: text }) },
        parameters: { type: 'array', items: ref('parameter') },
        requestBody: closed({ description: text, required: { type: 'boolean' }, content: ref('content') }, ['content']),
        responses: { ...mapOf(ref('response'), { pattern: '^([1-5]\\d\\d|default)$' }), minProperties: 1 },
      },
      ['operationId', 'responses'],
    ),
    parameter: {
      ...closed(
        {
          // OpenAPI ignores these three as parameters: content and security say them.
          name: { ...text, not: { enum: ['Accept', 'Content-Type', 'Authorization'] } },
          in: { enum: ['path', 'query', 'header'] },
          required: { type: 'boolean' },
          description: text,
          schema,
        },
        ['name', 'in', 'schema'],
      ),
      anyOf: [
        { properties: { in: { enum: ['query', 'header'] } } },
        { properties: { required: { const: true } }, required: ['required'] },
      ],
    },
    response: closed({ description: { ...text, minLength: 1 }, content: ref('content') }, ['description']),
    content: { ...mapOf(closed({ schema }), { pattern: '^[a-z]+/[a-z0-9.+-]+$' }), minProperties: 1 },
  },
} as const;
