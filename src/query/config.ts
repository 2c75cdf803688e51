/** What `azud.yaml` says of endpoints, once it is read: null and absent both mean "not given". */

export type ParameterType = 'string' | 'integer' | 'number' | 'boolean' | 'date' | 'timestamp' | 'date-time';

type Given<T> = T | null | undefined;

export interface ParameterDeclaration {
  /** `date-time` is JSON Schema's word for `timestamp`. */
  readonly type: ParameterType;
  readonly description?: Given<string>;
  /** string: a regular expression that some part of the value matches. */
  readonly pattern?: Given<string>;
  readonly enum?: Given<readonly (string | number | boolean)[]>;
  /** integer, number, date and timestamp. */
  readonly minimum?: Given<string | number | boolean>;
  readonly maximum?: Given<string | number | boolean>;
  /** string: characters. */
  readonly minLength?: Given<number>;
  readonly maxLength?: Given<number>;
  readonly required?: Given<boolean>;
  /** Bound when a request gives none; without it NULL is bound. */
  readonly default?: Given<string | number | boolean>;
}

/** Ad-hoc SQL, as `sql` in azud.yaml. */
export interface AdHocConfig {
  /** How old the data may be that a query reads, ms. */
  readonly maxAgeMs: number;
  readonly timeoutMs: number;
  readonly memoryBytes: number;
}

/** `row`: the first row bare, 404 when there is none. */
export type EndpointShape = 'rows' | 'row';

export interface EndpointDeclaration {
  readonly name: string;
  /** GET path; `{param}` in it is a parameter. `/v1/endpoints/{name}` when not given. */
  readonly path?: Given<string>;
  readonly description?: Given<string>;
  readonly params?: Given<Readonly<Record<string, ParameterDeclaration>>>;
  /** One SELECT with `$name` placeholders. */
  readonly sql: string;
  /** How long a result is kept, ms; 0: not at all. */
  readonly cacheMs?: Given<number>;
  readonly shape?: Given<EndpointShape>;
  /** Longest time of one query, ms. */
  readonly timeoutMs?: Given<number>;
}
