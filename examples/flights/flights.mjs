/**
 * Prints 200,000 real flights as NDJSON: every fifteenth row of flights-3m.parquet of the npm package vega-datasets.
 *
 *   node examples/flights/flights.mjs | azud send flights - --format ndjson
 */

import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';

const FLIGHTS = 200_000;
const EVERY = 15;

// The package exports its index only; the data lie beside it.
const parquet = fileURLToPath(new URL('../data/flights-3m.parquet', import.meta.resolve('vega-datasets')));
const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
const connection = await instance.connect();
const result = await connection.stream(
  `SELECT to_json({
     'flight_id': 'F' || lpad(file_row_number::VARCHAR, 7, '0'),
     'date': strftime(date, '%Y-%m-%dT%H:%M:%SZ'),
     'delay': delay, 'distance': distance, 'origin': origin, 'destination': destination
   })::VARCHAR
   FROM read_parquet($parquet, file_row_number = true)
   WHERE file_row_number % ${EVERY} = 0 ORDER BY file_row_number LIMIT ${FLIGHTS}`,
  { parquet },
);
for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
  const lines = chunk.getColumnValues(0).join('\n');
  if (!process.stdout.write(`${lines}\n`)) await once(process.stdout, 'drain');
}
