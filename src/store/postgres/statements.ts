import { createTable } from '../sql/compiler.ts';
import { quote } from '../sql/dialect.ts';
import { DEAD_LETTERS, TRANSACTIONS } from '../tables.ts';
import { POSTGRES_DIALECT } from './dialect.ts';

/** Azud's own integers count events: 64 bits are enough. */
const narrow = <T extends object>(column: T) => ({ ...column, integerBits: 64 as const });

/** Azud's own tables. Each statement may run again. */
export const OWN_TABLES: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS "_shapes" (dataset text PRIMARY KEY, shape text NOT NULL)`,
  `CREATE TABLE IF NOT EXISTS "_progress" (stream text PRIMARY KEY, position bigint NOT NULL, term text)`,
  // ADD COLUMN IF NOT EXISTS alone would lock out the loaders at every start.
  `DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = '"_progress"'::regclass AND attname = 'term') THEN
      ALTER TABLE "_progress" ADD COLUMN term text;
    END IF;
  END $$`,
  `CREATE TABLE IF NOT EXISTS "_kept" (name text PRIMARY KEY, value bytea NOT NULL)`,
  `CREATE TABLE IF NOT EXISTS "_carried" (dataset text PRIMARY KEY, events bigint NOT NULL)`,
  // One row a dataset and slot: loaders side by side add to different rows.
  `CREATE TABLE IF NOT EXISTS "_ledger" (dataset text, slot integer, accepted bigint, stored bigint, duplicate bigint,
    dead bigint, last_received_ms bigint, PRIMARY KEY (dataset, slot))`,
  `CREATE TABLE IF NOT EXISTS "_batches" (id uuid PRIMARY KEY, received_ms bigint NOT NULL)`,
  `CREATE INDEX IF NOT EXISTS "_batches_received" ON "_batches" USING brin (received_ms)`,
  // 128 bits stand for a dataset and a client id in it.
  `CREATE TABLE IF NOT EXISTS "_ids" (id uuid PRIMARY KEY, dataset text NOT NULL, received_ms bigint NOT NULL)`,
  `CREATE INDEX IF NOT EXISTS "_ids_received" ON "_ids" USING brin (received_ms)`,
  createTable(DEAD_LETTERS.name, DEAD_LETTERS.columns.map(narrow), POSTGRES_DIALECT).replace(
    'CREATE TABLE',
    'CREATE TABLE IF NOT EXISTS',
  ),
  `CREATE UNIQUE INDEX IF NOT EXISTS "_dead_letters_id" ON "_dead_letters" (id)`,
  `CREATE INDEX IF NOT EXISTS "_dead_letters_transaction" ON "_dead_letters" (transaction_id)`,
  createTable(TRANSACTIONS.name, TRANSACTIONS.columns.map(narrow), POSTGRES_DIALECT).replace(
    'CREATE TABLE',
    'CREATE TABLE IF NOT EXISTS',
  ),
  `CREATE INDEX IF NOT EXISTS "_transactions_transaction" ON "_transactions" (transaction_id)`,
  `CREATE INDEX IF NOT EXISTS "_transactions_received" ON "_transactions" USING brin (received_at)`,
];

/** Lists travel as one text with an item a line; ids and numbers have no line ends in them. */
const lines = (index: number, type = 'text') => `string_to_array($${index}, E'\\n')::${type}[]`;

/** Not ON CONFLICT DO UPDATE: processes that only read what is kept write nothing. */
export const KEEP = 'INSERT INTO "_kept" VALUES ($1, $2) ON CONFLICT DO NOTHING';
export const KEPT = 'SELECT value FROM "_kept" WHERE name = $1';

export const PROGRESS = 'SELECT stream, position, term FROM "_progress" WHERE position > 0 ORDER BY stream';
export const ADD_STREAMS = `INSERT INTO "_progress" SELECT stream, 0 FROM unnest($1::text[]) AS s(stream)
  ORDER BY stream ON CONFLICT DO NOTHING`;
/** Whoever writes a stream holds its row until the commit, so that two loaders of one stream take turns. */
export const LOCK_STREAMS = `SELECT stream, position FROM "_progress" WHERE stream = ANY($1::text[])
  ORDER BY stream FOR UPDATE`;
export const MOVE_STREAMS = `UPDATE "_progress" p SET position = s.position, term = s.term
  FROM unnest($1::text[], $2::bigint[], $3::text[]) AS s(stream, position, term) WHERE p.stream = s.stream`;

/** An operator's: nobody loads meanwhile. */
export const JOIN: readonly string[] = ['DELETE FROM "_progress"', 'DELETE FROM "_carried"'];
export const JOIN_STREAMS = `INSERT INTO "_progress" (stream, position, term)
  SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[])`;
export const CARRY = 'INSERT INTO "_carried" SELECT * FROM unnest($1::text[], $2::bigint[])';

/** Answers the ids that were not there. Waits for another loader that is writing one of them. */
export const CLAIM_BATCHES = `INSERT INTO "_batches" SELECT id, ms FROM unnest(${lines(1, 'uuid')}, ${lines(2, 'bigint')})
  AS b(id, ms) ORDER BY id ON CONFLICT DO NOTHING RETURNING id`;

const idHash = (id: string) => `md5($1 || '/' || ${id})::uuid`;

export const KNOWN_IDS = `SELECT w.id, k.received_ms FROM unnest(${lines(2)}) AS w(id)
  JOIN "_ids" k ON k.id = ${idHash('w.id')}`;
/**
 * Takes the ids for this unit: $1 dataset, $2 ids, $3 times, $4 dedupe window, ms. Fewer rows than ids: another loader
 * has stored one of them since they were looked up. In one order, so that two loaders never wait for each other.
 */
export const TAKE_IDS = `INSERT INTO "_ids" AS k
  SELECT ${idHash('w.id')}, $1, w.ms FROM unnest(${lines(2)}, ${lines(3, 'bigint')}) AS w(id, ms) ORDER BY 1
  ON CONFLICT (id) DO UPDATE SET received_ms = excluded.received_ms
  WHERE excluded.received_ms - k.received_ms >= $4::bigint`;

export const KNOWN_LETTERS = `SELECT id, state FROM "_dead_letters" WHERE id = ANY($1::uuid[])
  ORDER BY id FOR UPDATE`;
export const INSERT_LETTERS = `INSERT INTO "_dead_letters"
  SELECT id, dataset, transaction_id, event_id, "row", stage, code, message, path,
    to_timestamp(ms / 1000.0), original, 'dead', NULL
  FROM json_to_recordset($1::json) AS l(id uuid, dataset text, transaction_id uuid, event_id text, "row" bigint,
    stage text, code text, message text, path text, ms bigint, original text)`;
export const CHANGE_LETTER =
  'UPDATE "_dead_letters" SET stage = $2, code = $3, message = $4, path = $5 WHERE id = $1::uuid';
export const DELETE_LETTERS = 'DELETE FROM "_dead_letters" WHERE id = ANY($1::uuid[])';
export const DISCARD_LETTER = `UPDATE "_dead_letters" SET state = 'discarded', reason = $2 WHERE id = $1::uuid`;

/** How many rows a dataset's sums may lie in. */
const SLOTS = 16;
export const ADD_TO_LEDGER = `INSERT INTO "_ledger" AS l
  SELECT d, pg_backend_pid() % ${SLOTS}, a, s, du, de, ms FROM unnest($1::text[], $2::bigint[], $3::bigint[],
    $4::bigint[], $5::bigint[], $6::bigint[]) AS x(d, a, s, du, de, ms) ORDER BY d
  ON CONFLICT (dataset, slot) DO UPDATE SET accepted = l.accepted + excluded.accepted,
    stored = l.stored + excluded.stored, duplicate = l.duplicate + excluded.duplicate, dead = l.dead + excluded.dead,
    last_received_ms = greatest(l.last_received_ms, excluded.last_received_ms)`;

/** Progress and sums as of one moment: one statement sees one state. Progress has no dataset, sums no stream. */
export const LEDGER = `SELECT stream, position, term, NULL AS dataset, NULL AS accepted, NULL AS stored, NULL AS duplicate,
    NULL AS dead, NULL::bigint AS carried FROM (${PROGRESS}) p
  UNION ALL SELECT NULL, NULL, NULL, dataset, sum(accepted), sum(stored), sum(duplicate), sum(dead), NULL
    FROM "_ledger" GROUP BY dataset
  UNION ALL SELECT NULL, NULL, NULL, dataset, NULL, NULL, NULL, NULL, events FROM "_carried"`;
export const LAST_RECEIVED = 'SELECT coalesce(max(last_received_ms), 0) AS ms FROM "_ledger"';

export const BEFORE = 'to_timestamp($1::bigint / 1000.0)';

/** A transaction with dead letters is known for as long as they are. */
export const SWEEP_TRANSACTIONS = `DELETE FROM "_transactions" t WHERE received_at < ${BEFORE} AND dataset = $2
  AND NOT EXISTS (SELECT 1 FROM "_dead_letters" l WHERE l.transaction_id = t.transaction_id)`;

/** Rows, first, last and bytes of a table, its partitions included. */
export const factsOf = (table: string): string => `SELECT count(*) AS rows, min("_received_at") AS first,
    max("_received_at") AS last, coalesce((SELECT sum(pg_total_relation_size(relid))
      FROM pg_partition_tree($1::regclass)), pg_total_relation_size($1::regclass)) AS bytes FROM ${quote(table)}`;
