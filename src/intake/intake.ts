import { AzudError, type RowError } from '../error/azud-error.ts';
import type { Message } from '../event/batch.ts';
import type { Dataset } from '../event/dataset.ts';
import { idFault } from '../event/event-id.ts';
import { skipSpace } from '../event/json/byte.ts';
import type { Validator } from '../event/validator.ts';
import { Validators } from '../event/validators.ts';
import { atOnce, watched } from '../event/watch.ts';
import type { Clock } from '../lib/clock.ts';
import { INTAKE_LIMITS } from '../limits.ts';
import { Admission } from './admission.ts';
import { CloudEvents } from './cloud-events.ts';
import { readCsv } from './csv-body.ts';
import { Draft } from './draft.ts';
import { decodeBody } from './inflate.ts';
import { readJson } from './json-body.ts';
import { type Form, formOf, type Headers } from './media.ts';
import { readNdjson } from './ndjson-body.ts';
import { Turns } from './turns.ts';
import { requireUtf8, withoutBom } from './utf8.ts';

export interface IntakeOptions {
  readonly datasets: ReadonlyMap<string, Dataset>;
  /** Resolves when each message is safe or has failed: `Broker.publish`. */
  publish(messages: readonly Message[]): Promise<readonly Published[]>;
  /** Told of what was taken in, all of one transaction, before the caller is answered; it must not hold the answer up. */
  readonly onTakenIn?: ((messages: readonly Message[]) => void) | undefined;
  readonly clock: Clock;
  /** Replace those of INTAKE_LIMITS in tests. */
  readonly limits?: Partial<typeof INTAKE_LIMITS>;
}

/** What the broker answers for one message. */
export type Published = { readonly position: unknown } | { readonly error: AzudError };

export interface IntakeRequest {
  /** Null: CloudEvents choose by their `type`. */
  readonly dataset: string | null;
  /** By lower-case name; `content-type`, `content-encoding`, `idempotency-key` and `ce-*` are read. */
  readonly headers: Headers;
  /** As it came over the wire. */
  readonly body: Buffer;
  /** All or nothing. */
  readonly strict: boolean;
  /** Asked for each dataset that CloudEvents choose; throws when the caller may not write to it. */
  readonly allow?: (dataset: string) => void;
}

export interface IntakeResult {
  readonly transactionId: string;
  /** Null when the events went to several datasets. */
  readonly dataset: string | null;
  readonly accepted: number;
  readonly rejected: number;
  /** The first of them; the counts are whole. */
  readonly errors: readonly RowError[];
}

/** Takes the body of one request in: decodes, checks and stamps its events, and answers when they are safe. */
export class Intake {
  readonly #options: IntakeOptions;
  readonly #limits: typeof INTAKE_LIMITS;
  readonly #validators: Validators;
  readonly #turns: Turns;
  #cloudEvents: CloudEvents;
  readonly #admission: Admission;

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.#limits = { ...INTAKE_LIMITS, ...options.limits };
    this.#turns = new Turns(options.clock);
    this.#validators = new Validators(options.datasets);
    // All of them, before the first request waits for one.
    for (const name of options.datasets.keys()) this.#validators.get(name);
    this.#cloudEvents = new CloudEvents(this.#validators);
    this.#admission = new Admission(this.#limits);
  }

  /**
   * Resolves when every event is as safe as the broker promises, or kept as a dead letter as safely.
   * @throws AzudError for a request of which nothing was kept: 400, 404, 413, 415 and 422 codes, `overloaded`, and the
   * broker's errors
   */
  async take(request: IntakeRequest): Promise<IntakeResult> {
    const { dataset, headers } = request;
    const form = formOf(headers);
    const idempotencyKey = readIdempotencyKey(headers);
    if (dataset !== null && !this.#options.datasets.has(dataset)) throw unknownDataset(dataset);
    const bytes = this.#admission.enter(this.#wireBody(request), headers['content-encoding']);
    try {
      const drafted = this.#draft(request, { form, idempotencyKey });
      // Nearly every draft is there at once, and to wait for it takes longer than to look.
      const { messages, result } = (drafted instanceof Promise ? await drafted : drafted).finish();
      for (const published of await this.#options.publish(messages)) {
        if ('error' in published) throw published.error;
      }
      this.#options.onTakenIn?.(messages);
      return result;
    } finally {
      this.#admission.leave(bytes);
    }
  }

  #draft(request: IntakeRequest, stated: Stated): Draft | Promise<Draft> {
    const encoding = request.headers['content-encoding'];
    if (encoding === undefined) return this.#read(request.body, request, stated);
    return decodeBody(request.body, encoding, this.#limits).then((body) => this.#read(body, request, stated));
  }

  #read(decoded: Buffer, request: IntakeRequest, { form, idempotencyKey }: Stated): Draft | Promise<Draft> {
    const { dataset, strict } = request;
    const body = plainBody(decoded);
    const now = this.#options.clock.now();
    const draftOf = () => {
      const draft = new Draft({ dataset, idempotencyKey, strict, now, limits: this.#limits });
      this.#readEvents(form, body, { request, draft });
      return draft;
    };
    return atOnce(draftOf)?.value ?? this.#turns.take(() => watched(draftOf, () => this.#renew()));
  }

  #wireBody({ body }: IntakeRequest): Buffer {
    const { bodyBytesMax } = this.#limits;
    if (body.length > bodyBytesMax) {
      throw new AzudError('too-large', `the body has ${body.length} bytes, at most ${bodyBytesMax} are taken`);
    }
    if (body.length === 0) throw new AzudError('empty-body', 'the body is empty');
    return body;
  }

  #readEvents(form: Form, body: Buffer, { request, draft }: { request: IntakeRequest; draft: Draft }): void {
    const { dataset } = request;
    // The lines of NDJSON stand alone, in their encoding too.
    if (form !== 'ndjson') requireUtf8(body);
    if (form === 'json') readJson(body, this.#validatorOf(dataset), draft);
    else if (form === 'ndjson') readNdjson(body, this.#validatorOf(dataset), draft);
    else if (form === 'csv') readCsv(body, this.#validatorOf(dataset), draft);
    else this.#cloudEvents.read(form, body, { ...request, draft });
  }

  /** After a read that was stopped somewhere in its middle. */
  #renew(): void {
    this.#validators.forgetLast();
    this.#cloudEvents = new CloudEvents(this.#validators);
  }

  #validatorOf(dataset: string | null): Validator {
    if (dataset === null) {
      const hint = 'Send CloudEvents here, or name the dataset: POST /v1/events/{dataset}.';
      throw new AzudError('unsupported-media-type', 'only CloudEvents can choose their dataset', { hint });
    }
    const validator = this.#validators.get(dataset);
    if (!validator) throw unknownDataset(dataset);
    return validator;
  }
}

/** What the headers of a request say of it. */
interface Stated {
  readonly form: Form;
  readonly idempotencyKey: string | null;
}

function plainBody(decoded: Buffer): Buffer {
  const body = withoutBom(decoded);
  if (skipSpace(body, 0, body.length) === body.length) {
    throw new AzudError('empty-body', 'the body holds only white space');
  }
  return body;
}

function unknownDataset(dataset: string): AzudError {
  return new AzudError('dataset-not-found', `there is no dataset ${JSON.stringify(dataset.slice(0, 80))}`);
}

/** Visible ASCII, so that it is the same bytes for every client and proxy. */
function readIdempotencyKey(headers: Headers): string | null {
  const key = headers['idempotency-key'];
  if (key === undefined) return null;
  const fault = typeof key !== 'string' ? 'is given more than once' : idFault(key);
  if (fault) throw new AzudError('invalid-header', `the Idempotency-Key ${fault}`);
  if (typeof key !== 'string' || !/^[\x21-\x7e]+$/.test(key)) {
    throw new AzudError('invalid-header', 'the Idempotency-Key must be visible ASCII without spaces');
  }
  return key;
}
