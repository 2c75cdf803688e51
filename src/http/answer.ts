/** What a handler gives back: HTTP without a socket, so that handlers can be tested as functions. */
export interface Answer {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** Null: no body. An iterable is streamed with backpressure. */
  readonly body: string | Buffer | AsyncIterable<Buffer | string> | null;
}

/** An answer that is a text from the start. */
export type TextAnswer = Answer & { readonly body: string };

export function isText(answer: Answer): answer is TextAnswer {
  return typeof answer.body === 'string';
}

export const JSON_TYPE = 'application/json; charset=utf-8';

export function jsonAnswer(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): TextAnswer {
  return { status, headers: { 'content-type': JSON_TYPE, ...headers }, body: JSON.stringify(value) };
}
