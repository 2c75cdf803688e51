import type { Dataset } from '../event/dataset.ts';
import type { Receipt } from '../event/outcome.ts';
import type { TakenIn } from '../event/taken-in.ts';
import type { IntakeRequest, IntakeResult } from '../intake/intake.ts';
import type { AdHoc } from '../query/ad-hoc.ts';
import type { Conservation } from '../query/conservation.ts';
import type { Datasets } from '../query/datasets.ts';
import type { DeadLetters } from '../query/dead-letters.ts';
import type { Endpoints } from '../query/endpoints.ts';
import type { Patience, Receipts } from '../query/receipts.ts';
import type { RowsReader } from '../query/rows.ts';

/** What handlers may call. A room may be elsewhere, or not open yet: asking for it then throws `unavailable`, saying so. */
export interface Rooms {
  intake(): IntakeRoom;
  query(): QueryRoom;
  readonly system: SystemRoom;
  readonly documents: DocumentsRoom;
}

export interface IntakeRoom {
  take(request: IntakeRequest): Promise<IntakeResult>;
  /**
   * The receipt of what was just taken in, once nothing of it is queued, wherever receipts live; null when the time is
   * over. Absent where no receipts can be read. @throws AzudError `unavailable`
   */
  settled?(transactionId: string, patience: Patience): Promise<Receipt | null>;
  /** Aborts when this process is about to end: whoever waits is answered now. */
  readonly ending: AbortSignal;
  /** What only this process knows of a transaction on its way; null where others can find it. */
  takenIn(transactionId: string): Promise<TakenIn | null>;
}

export interface QueryRoom {
  readonly adHoc: AdHoc;
  readonly rows: RowsReader;
  readonly datasets: Datasets;
  readonly endpoints: Endpoints;
  readonly receipts: Receipts;
  readonly conservation: Conservation;
  readonly deadLetters: DeadLetters;
}

export interface SystemRoom {
  readonly datasets: ReadonlyMap<string, Dataset>;
  /** The promise in force. */
  durability(): Durability;
  readiness(): Promise<Readiness>;
  /** Prometheus text of every process of this installation. */
  metrics(): Promise<string>;
  /** The instruments of this process alone, as data. */
  snapshot(): Promise<object[]>;
}

/** `/v1/durability`. */
export interface Durability {
  readonly broker: string;
  /** What a 2xx of intake means, in one sentence. */
  readonly promise: string;
}

/** `/readyz`: every check by name. */
export interface Readiness {
  readonly ready: boolean;
  readonly checks: readonly Check[];
}

export interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** Why not, or which step is running. */
  readonly reason?: string;
}

/** Made once from the routes; the pages change only with the configuration. */
export interface DocumentsRoom {
  readonly openapi: string;
  readonly docs: string;
}
