import type { Backlog, Progress } from '../broker/driver.ts';
import { AzudError } from '../error/azud-error.ts';
import type { Column, Dataset, DatasetMode, JsonSchema } from '../event/dataset.ts';
import { didYouMean } from '../lib/nearest.ts';
import type { TableFacts } from '../store/driver.ts';
import { columnsByName } from './rows.ts';

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
