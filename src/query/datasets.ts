import type { Backlog, Progress } from '../broker/driver.ts';
import { AzudError } from '../error/azud-error.ts';
import type { Column, Dataset, DatasetMode, JsonSchema } from '../event/dataset.ts';
import { didYouMean } from '../lib/nearest.ts';
import type { RowStream, TableFacts } from '../store/driver.ts';
import { columnsByName, type FoundRow } from './rows.ts';
import type { Row } from './stream.ts';

export interface DatasetsOptions {
  readonly datasets: ReadonlyMap<string, Dataset>;
  readonly store: { progress(): Promise<Progress>; describe(dataset: string): Promise<TableFacts> };
  readonly broker: { backlog(after: Progress): Promise<Backlog> };
}

export interface DatasetSummary {
  readonly dataset: string;
  readonly mode: DatasetMode;
  readonly rows: number;
  /** ISO 8601 of the first and the last row received, null while there is none. */
  readonly first: string | null;
  readonly last: string | null;
  /** Estimate of the table on disk. */
  readonly bytes: number;
  /** Events accepted and not in the store yet; null where they wait in a broker that cannot tell what it holds. */
  readonly lag: number | null;
}

type Queued = Backlog['queued'] | null;

export interface DatasetDetail extends DatasetSummary {
  readonly event_id: string | null;
  readonly key: string | null;
  readonly time: string | null;
  /** The dataset's own columns, then the system's. */
  readonly columns: readonly Column[];
  readonly schema: JsonSchema;
}

const SUMMARY_COLUMNS: RowStream['columns'] = [
  { name: 'dataset', type: 'string' },
  { name: 'mode', type: 'string' },
  { name: 'rows', type: 'integer' },
  { name: 'first', type: 'timestamp' },
  { name: 'last', type: 'timestamp' },
  { name: 'bytes', type: 'integer' },
  { name: 'lag', type: 'integer' },
];

/** Summaries as rows, for every format. */
export function summaryRows(summaries: readonly DatasetSummary[]): RowStream {
  return { columns: SUMMARY_COLUMNS, chunks: chunkOf(summaries.map(summaryRow)) };
}

/** A dataset whole as one row; its columns and its schema are JSON. */
export function detailRow(detail: DatasetDetail): FoundRow {
  const { event_id: eventId, key, time, columns, schema } = detail;
  return {
    columns: [
      ...SUMMARY_COLUMNS,
      { name: 'event_id', type: 'string' },
      { name: 'key', type: 'string' },
      { name: 'time', type: 'string' },
      { name: 'columns', type: 'json' },
      { name: 'schema', type: 'json' },
    ],
    row: [...summaryRow(detail), eventId, key, time, JSON.stringify(columns), JSON.stringify(schema)],
  };
}

function summaryRow({ dataset, mode, rows, first, last, bytes, lag }: DatasetSummary): Row {
  return [dataset, mode, rows, first, last, bytes, lag];
}

async function* chunkOf(rows: readonly Row[]): AsyncGenerator<readonly Row[]> {
  yield rows;
}

/** Answers `/v1/datasets` and `/v1/datasets/{dataset}`. */
export class Datasets {
  readonly #options: DatasetsOptions;

  constructor(options: DatasetsOptions) {
    this.#options = options;
  }

  async list(): Promise<readonly DatasetSummary[]> {
    const queued = await this.#queued();
    return Promise.all([...this.#options.datasets.values()].map((dataset) => this.#summary(dataset, queued)));
  }

  /** @throws AzudError `dataset-not-found` */
  async detail(name: string): Promise<DatasetDetail> {
    const dataset = this.#options.datasets.get(name);
    if (!dataset) {
      const shown = name.slice(0, 63);
      throw new AzudError(
        'dataset-not-found',
        `no dataset ${shown}${didYouMean(shown, this.#options.datasets.keys())}`,
      );
    }
    return {
      ...(await this.#summary(dataset, await this.#queued())),
      event_id: dataset.eventId,
      key: dataset.key,
      time: dataset.time,
      columns: [...columnsByName(dataset).values()],
      schema: dataset.schema,
    };
  }

  async #queued(): Promise<Queued> {
    const { broker, store } = this.#options;
    const { queued, messages, opaque } = await broker.backlog(await store.progress());
    return opaque && messages !== 0 ? null : queued;
  }

  async #summary({ name, mode }: Dataset, queued: Queued): Promise<DatasetSummary> {
    const { rows, first, last, bytes } = await this.#options.store.describe(name);
    return { dataset: name, mode, rows, first, last, bytes, lag: queued && (queued.get(name) ?? 0) };
  }
}
