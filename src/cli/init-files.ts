const AZUD_YAML = `# One Azud system. Every setting: docs/reference/config.md, or azud check --schema for editors.
# Check it with "azud check", run it with "azud start".
version: 1

system:
  name: my-system
  environment: dev

server:
  host: 127.0.0.1          # other machines may call only when there are tokens
  port: 8080               # also AZUD_SERVER_PORT, or --server.port

# auth:
#   tokens:
#     - name: partner
#       secret_file: ./secrets/partner      # at least 16 characters; or secret: \${PARTNER_TOKEN}
#       scopes: ["intake:readings", "query:*"]

data_dir: ./data

broker: { kind: log }      # where accepted events wait: a durable log in data_dir
store: { kind: duckdb }    # the analytics database: one file in data_dir

datasets:
  readings:
    schema: { $ref: ./readings.schema.json }
    event_id: /id          # an event sent twice is stored once
    time: /time            # the event's own time
    retention: 400d        # rows received longer ago are removed

endpoints:
  warmest:                 # GET /v1/endpoints/warmest?sensor=roof
    params:
      sensor: { type: string, required: true }
      limit: { type: integer, default: 10, minimum: 1, maximum: 1000 }
    sql: SELECT time, celsius FROM readings WHERE sensor = $sensor ORDER BY celsius DESC LIMIT $limit
    cache: 30s
`;

const SCHEMA = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'One reading of a sensor',
  type: 'object',
  properties: {
    id: { type: 'string', maxLength: 64 },
    time: { type: 'string', format: 'date-time' },
    sensor: { type: 'string', minLength: 1 },
    celsius: { type: 'number', minimum: -273.15 },
  },
  required: ['id', 'time', 'sensor', 'celsius'],
};

/** What `azud init` writes, by name. */
export const INIT_FILES: Readonly<Record<string, string>> = {
  'azud.yaml': AZUD_YAML,
  'readings.schema.json': `${JSON.stringify(SCHEMA, null, 2)}\n`,
  '.gitignore': 'data/\nsecrets/\n',
};
