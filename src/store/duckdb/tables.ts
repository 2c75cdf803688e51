import { AzudError } from '../../error/azud-error.ts';
import { type Dataset, SYSTEM_COLUMNS } from '../../event/dataset.ts';
import { type PlanStep, planTables, refuseDestructive, shapeOf, type TableShape } from '../plan.ts';
import { addColumn, createTable, dropColumn } from '../sql/compiler.ts';
import { quote } from '../sql/dialect.ts';
import { SYSTEM_TABLES } from '../tables.ts';
import { DUCKDB_DIALECT } from './dialect.ts';
import type { Session } from './session.ts';
import { HEAD_DDL, idStatements, keepLatest } from './statements.ts';

/**
 * Makes the tables fit the datasets, in one transaction.
 * @throws AzudError `destructive-change`
 */
export async function fitTables(
  session: Session,
  datasets: readonly Dataset[],
  allowDestructive: boolean,
): Promise<void> {
  await session.transaction(async () => {
    for (const sql of HEAD_DDL) await session.run(sql);
    const present = new Set(
      (await session.run('SELECT table_name FROM duckdb_tables()')).map(([name]) => String(name)),
    );
    for (const { name, columns } of SYSTEM_TABLES) {
      if (!present.has(name)) await session.run(createTable(name, columns.map(narrow), DUCKDB_DIALECT));
    }
    const plan = planTables(await storedShapes(session), datasets);
    refuseDestructive(plan, allowDestructive);
    for (const step of plan.steps) await session.run(statementOf(step));
    for (const dataset of datasets) {
      await session.run(idStatements(dataset.name).create);
      await session.run('DELETE FROM "_shapes" WHERE dataset = $1', [dataset.name]);
      await session.run('INSERT INTO "_shapes" VALUES ($1, $2)', [dataset.name, JSON.stringify(shapeOf(dataset))]);
    }
  });
}

/** Azud's own integers count events: 64 bits are enough. Those of a dataset begin so: see widths.ts. */
const narrow = <T extends object>(column: T) => ({ ...column, integerBits: 64 as const });

async function storedShapes(session: Session): Promise<Map<string, TableShape>> {
  const rows = await session.run('SELECT dataset, shape FROM "_shapes"');
  return new Map(rows.map(([dataset, shape]) => [String(dataset), JSON.parse(String(shape)) as TableShape]));
}

function statementOf(step: PlanStep): string {
  const { dataset } = step;
  switch (step.kind) {
    case 'create':
      return createTable(dataset.name, [...dataset.columns, ...SYSTEM_COLUMNS].map(narrow), DUCKDB_DIALECT);
    case 'add':
      return addColumn(dataset.name, narrow(step.column), DUCKDB_DIALECT);
    case 'drop':
      return dropColumn(dataset.name, step.column);
    case 'rekey':
      return dataset.key === null ? 'SELECT 1' : keepLatest(quote(dataset.name), quote(dataset.key));
  }
}

/** DuckDB's names do not heed case, so two properties that differ in nothing else would be one column. */
export function refuseTwins(datasets: readonly Dataset[]): void {
  const errors = datasets.flatMap(({ name, columns }) =>
    columns
      .filter((column, at) => columns.findIndex((other) => other.name.toLowerCase() === column.name.toLowerCase()) < at)
      .map((column) => ({
        path: `/datasets/${name}/schema/properties/${column.name}`,
        code: 'invalid_config',
        message: `${name}: ${column.name} differs from another property in case only`,
      })),
  );
  if (errors.length > 0) throw new AzudError('invalid-config', errors[0]?.message ?? '', { errors });
}
