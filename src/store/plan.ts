import { AzudError, type RowError } from '../error/azud-error.ts';
import type { Column, Dataset, DatasetMode } from '../event/dataset.ts';

/** What a store keeps of a dataset's declaration, to compare the next one with. */
export interface TableShape {
  readonly mode: DatasetMode;
  readonly key: string | null;
  readonly columns: readonly Pick<Column, 'name' | 'type'>[];
}

/** What makes the tables fit the datasets, in order. Tables of datasets no longer declared stay as they are. */
export type PlanStep =
  | { readonly kind: 'create'; readonly dataset: Dataset }
  | { readonly kind: 'add'; readonly dataset: Dataset; readonly column: Column }
  | { readonly kind: 'drop'; readonly dataset: Dataset; readonly column: string }
  /** The mode or the key changes; in upsert mode only the latest row of each key may remain. */
  | { readonly kind: 'rekey'; readonly dataset: Dataset };

export interface Plan {
  readonly steps: readonly PlanStep[];
  /** Differences that would lose data, one line each. */
  readonly destructive: readonly RowError[];
}

export function shapeOf({ mode, key, columns }: Dataset): TableShape {
  return { mode, key, columns: columns.map(({ name, type }) => ({ name, type })) };
}

/** The difference between the tables there are and the datasets declared. */
export function planTables(existing: ReadonlyMap<string, TableShape>, datasets: readonly Dataset[]): Plan {
  const steps: PlanStep[] = [];
  const destructive: RowError[] = [];
  for (const dataset of datasets) {
    const shape = existing.get(dataset.name);
    if (!shape) steps.push({ kind: 'create', dataset });
    else compare(dataset, shape, { steps, destructive });
  }
  return { steps, destructive };
}

/** @throws AzudError `destructive-change` unless nothing is lost, or losing it is allowed */
export function refuseDestructive(plan: Plan, allowDestructive: boolean): void {
  if (plan.destructive.length === 0 || allowDestructive) return;
  const first = plan.destructive[0]?.message ?? '';
  const more = plan.destructive.length > 1 ? ` (and ${plan.destructive.length - 1} more)` : '';
  throw new AzudError('destructive-change', `${first}${more}`, { errors: plan.destructive });
}

function compare(dataset: Dataset, shape: TableShape, found: { steps: PlanStep[]; destructive: RowError[] }): void {
  const lose = (path: string, what: string) =>
    found.destructive.push({
      path: `/datasets/${dataset.name}${path}`,
      code: 'destructive_change',
      message: `${dataset.name}: ${what}`,
    });
  const before = new Map(shape.columns.map(({ name, type }) => [name, type]));
  for (const column of dataset.columns) {
    const type = before.get(column.name);
    before.delete(column.name);
    if (type === column.type) continue;
    if (type !== undefined) {
      lose(`/schema/properties/${column.name}`, `column ${column.name} would change from ${type} to ${column.type}`);
      found.steps.push({ kind: 'drop', dataset, column: column.name });
    }
    found.steps.push({ kind: 'add', dataset, column });
  }
  for (const [name, type] of before) {
    lose(`/schema/properties/${name}`, `column ${name} (${type}) would be removed`);
    found.steps.push({ kind: 'drop', dataset, column: name });
  }
  if (shape.mode !== dataset.mode) lose('/mode', `mode would change from ${shape.mode} to ${dataset.mode}`);
  else if (shape.key !== dataset.key) lose('/key', `key would change from ${shape.key} to ${dataset.key}`);
  else return;
  found.steps.push({ kind: 'rekey', dataset });
}
