import type { DuckDBInstance } from '@duckdb/node-api';
import type { AzudError } from '../../error/azud-error.ts';
import type { Dataset } from '../../event/dataset.ts';
import { Queries } from './queries.ts';
import type { Reader } from './reader.ts';
import { Session } from './session.ts';
import { Tandem, type TandemOptions } from './tandem.ts';
import { UnitWriter } from './unit-writer.ts';
import { Widths } from './widths.ts';

/** What is there only while the store is open. */
export interface Opened {
  readonly instance: DuckDBInstance;
  readonly writer: Session;
  readonly prober: Session;
  readonly reader: Reader;
  readonly queries: Queries;
  readonly datasets: ReadonlyMap<string, Dataset>;
  readonly units: UnitWriter;
  readonly tandem: Tandem;
  readonly widths: Widths;
}

interface Parts {
  readonly instance: DuckDBInstance;
  readonly datasets: readonly Dataset[];
  readonly report: (error: AzudError) => AzudError;
  readonly newestMs: () => number;
  readonly tandem: Pick<TandemOptions, 'wal' | 'freeCores'>;
}

export async function assemble(
  reader: Reader,
  { instance, datasets, report, newestMs, tandem }: Parts,
): Promise<Opened> {
  const byName = new Map(datasets.map((dataset) => [dataset.name, dataset]));
  const writer = await Session.open(instance);
  const widths = await Widths.of(writer);
  const units = new UnitWriter(writer, { datasets: byName, widths, number: 0 });
  const others = new UnitWriter(await Session.open(instance), { datasets: byName, widths, number: 1 });
  return {
    instance,
    writer,
    reader,
    prober: await Session.open(instance),
    queries: new Queries(reader, { datasets: byName, newestMs, report }),
    datasets: byName,
    units,
    tandem: new Tandem([units, others], { datasets: byName, ...tandem }),
    widths,
  };
}
