import { randomUUID } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import { messageOf, type RowError } from '../error/azud-error.ts';
import { planTables, shapeOf, type TableShape } from '../store/plan.ts';
import { STORE_CAPABILITIES } from '../store/registry.ts';
import type { Log } from '../telemetry/log.ts';

type Shapes = Readonly<Record<string, TableShape>>;

/**
 * Notes beside an embedded database what its tables look like, once they fit, so that a check that opens nothing can tell
 * what a changed schema would lose. Losing the note loses no more than that.
 */
export async function noteShapes(config: Config, log: Log): Promise<void> {
  if (!isBeside(config)) return;
  const path = pathOf(config);
  const made = `${path}.${randomUUID()}`;
  const now = [...config.datasets.values()].map((dataset) => [dataset.name, shapeOf(dataset)] as const);
  try {
    // What is damaged is written anew.
    const before = await readShapes(config).catch(() => ({}));
    const shapes: Shapes = { ...before, ...Object.fromEntries(now) };
    await writeFile(made, JSON.stringify(shapes), { mode: 0o600 });
    await rename(made, path);
  } catch (error) {
    log.warn('the shapes of the tables could not be noted', { reason: messageOf(error) });
    await rm(made, { force: true }).catch(() => {});
  }
}

/** What the datasets would lose at a start, by the note of the last one; nothing where there is none. */
export async function destructiveChanges(config: Config): Promise<readonly RowError[]> {
  if (!isBeside(config)) return [];
  const shapes = await readShapes(config).catch(() => ({}));
  return planTables(new Map(Object.entries(shapes)), [...config.datasets.values()]).destructive;
}

/** A database on the network changes without this machine; one in memory is gone. */
function isBeside({ store }: Config): boolean {
  return STORE_CAPABILITIES[store.kind].sharing !== 'network' && store.kind !== 'memory';
}

async function readShapes(config: Config): Promise<Shapes> {
  const text = await readFile(pathOf(config), 'utf8').catch(() => '{}');
  return JSON.parse(text) as Shapes;
}

function pathOf({ dataDir }: Config): string {
  return join(dataDir, 'tables.json');
}
