/**
 * The classic answer to this job: Node's own HTTP server that INSERTs each event into PostgreSQL, and answers when the
 * database has committed it. Arguments: the address of the database, the table, and `plain` for a pool as `pg` makes it or
 * `tuned` for more connections and a prepared statement.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Pool } from 'pg';
import { EVENT_SCHEMA } from './events.ts';

const [connectionString, table, form] = process.argv.slice(2);
const COLUMNS = Object.keys(EVENT_SCHEMA.properties);
/** Half as many as requests may be under way: more of them wait for each other on the disk. */
const TUNED = { max: 32 };
const ANSWER = Buffer.from('{"ok":true}');

const pool = new Pool({ connectionString, ...(form === 'tuned' && TUNED) });
const insert = {
  text: `INSERT INTO ${table} (${COLUMNS.join(', ')}) VALUES (${COLUMNS.map((_, n) => `$${n + 1}`).join(', ')})`,
  ...(form === 'tuned' && { name: 'insert' }),
};

async function keep(body: string): Promise<void> {
  const event = JSON.parse(body) as Record<string, unknown>;
  await pool.query({ ...insert, values: COLUMNS.map((name) => event[name] ?? null) });
}

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    keep(Buffer.concat(chunks).toString()).then(
      () =>
        response.writeHead(202, { 'content-type': 'application/json', 'content-length': ANSWER.length }).end(ANSWER),
      () => response.writeHead(500, { 'content-length': 0 }).end(),
    );
  });
});
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
process.once('disconnect', () => process.exit(0));
