import { AzudError } from '../error/azud-error.ts';

/** Request headers by lower-case name. */
export type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

/** How the events lie in the body. */
export type Form = 'json' | 'ndjson' | 'csv' | 'cloudevent' | 'cloudevent-batch' | 'cloudevent-binary';

const FORMS: Readonly<Record<string, Form>> = {
  'application/json': 'json',
  'application/x-ndjson': 'ndjson',
  'text/csv': 'csv',
  'application/cloudevents+json': 'cloudevent',
  'application/cloudevents-batch+json': 'cloudevent-batch',
};

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const MEDIA_TYPE = new RegExp(`^\\s*(${TOKEN}/${TOKEN})\\s*((?:;\\s*${TOKEN}=(?:${TOKEN}|"[^"\\\\]*")\\s*)*);?\\s*$`);
const CHARSET = new RegExp(`;\\s*charset=(${TOKEN}|"[^"\\\\]*")`, 'gi');
/** RFC 4180: the first line is a row like the others. */
const HEADERLESS = /;\s*header="?absent\b/i;

/** @throws AzudError `unsupported-media-type`, `unsupported-charset` */
export function formOf(headers: Headers): Form {
  const header = headers['content-type'];
  const type = mediaType(header);
  if (isMarked(headers) && !type.startsWith('application/cloudevents')) {
    // Of another type the attributes, the event's id among them, would be passed over.
    if (!isJson(type)) throw unsupported(`${type} in the binary mode of CloudEvents`);
    return 'cloudevent-binary';
  }
  const form = Object.hasOwn(FORMS, type) ? FORMS[type] : undefined;
  if (form === undefined) throw unsupported(type);
  if (form === 'csv' && HEADERLESS.test(String(header))) throw unsupported('text/csv without a header line');
  return form;
}

/** Does a header say that this is the binary mode of CloudEvents? Name by name: a loop over them costs ten times as much. */
function isMarked(headers: Headers): boolean {
  const marked = headers['ce-specversion'] !== undefined || headers['ce-id'] !== undefined;
  return marked || headers['ce-source'] !== undefined || headers['ce-type'] !== undefined;
}

/** `application/json` and everything `…+json`. */
export function isJson(type: string): boolean {
  return type === 'application/json' || type.endsWith('+json');
}

/** One media type, in lower case, whose charset is UTF-8 if it names one. */
export function mediaType(header: Headers[string]): string {
  if (header === undefined) throw new AzudError('unsupported-media-type', 'the Content-Type header is missing');
  // What nearly every client says needs no parsing.
  if (typeof header === 'string' && Object.hasOwn(FORMS, header)) return header;
  const parts = typeof header === 'string' ? MEDIA_TYPE.exec(header) : null;
  if (!parts) throw unsupported(String(header));
  for (const [, charset] of (parts[2] ?? '').matchAll(CHARSET)) {
    const name = (charset ?? '').replaceAll('"', '').toLowerCase();
    if (name !== 'utf-8' && name !== 'utf8') {
      throw new AzudError('unsupported-charset', `the charset ${name.slice(0, 40)} is not taken, only utf-8`);
    }
  }
  return (parts[1] ?? '').toLowerCase();
}

function unsupported(type: string): AzudError {
  return new AzudError('unsupported-media-type', `the content type ${type.slice(0, 80)} is not taken`);
}
