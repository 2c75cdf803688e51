import { AzudError } from '../../error/azud-error.ts';
import { didYouMean } from '../../lib/nearest.ts';
import { invalidParameter, readOnce, type SearchParams } from '../parameters.ts';

export type Format = 'json' | 'ndjson' | 'csv' | 'parquet';

/** Media type of an answer by format. */
export const MEDIA_TYPES: Readonly<Record<Format, string>> = Object.freeze({
  json: 'application/json; charset=utf-8',
  ndjson: 'application/x-ndjson; charset=utf-8',
  csv: 'text/csv; charset=utf-8; header=present',
  parquet: 'application/vnd.apache.parquet',
});

/** In the order in which we prefer to give them. */
const FORMATS = Object.keys(MEDIA_TYPES) as Format[];

/**
 * The format of an answer: `format` if it is given, else by the `Accept` header, else JSON.
 * @throws AzudError `invalid-parameter` for an unknown format, `not-acceptable` when none of ours is accepted
 */
export function chooseFormat(accept: string | undefined, formatParameter: string | undefined): Format {
  if (formatParameter !== undefined) {
    const format = FORMATS.find((name) => name === formatParameter);
    if (format) return format;
    const shown = formatParameter.slice(0, 32);
    throw invalidParameter('format', `must be one of ${FORMATS.join(', ')}${didYouMean(shown, FORMATS)}`);
  }
  if (accept === undefined || accept.trim() === '') return 'json';
  const ranges = accept.split(',').map(parseRange);
  let best: { readonly format: Format; readonly quality: number } | null = null;
  for (const format of FORMATS) {
    const quality = qualityOf(format, ranges);
    if (quality > (best?.quality ?? 0)) best = { format, quality };
  }
  if (best) return best.format;
  throw new AzudError('not-acceptable', 'the Accept header names none of the formats that can be given');
}

interface MediaRange {
  readonly type: string;
  readonly quality: number;
}

function parseRange(text: string): MediaRange {
  const [type = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase());
  const weight = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
  // RFC 9110: a quality is 0 to 1 with at most three decimals; what is none counts as a refusal.
  const valid = weight === undefined || /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(weight);
  return { type, quality: valid ? Number(weight ?? 1) : 0 };
}

/** The most specific range that matches decides. */
function qualityOf(format: Format, ranges: readonly MediaRange[]): number {
  const type = MEDIA_TYPES[format].split(';')[0] as string;
  const aliases: readonly string[] = format === 'ndjson' ? [type, 'application/ndjson'] : [type];
  const candidates = [...aliases, `${type.split('/')[0]}/*`, '*/*'];
  for (const candidate of candidates) {
    const range = ranges.find((each) => each.type === candidate);
    if (range) return range.quality;
  }
  return 0;
}

/** Parameters that choose an answer's form; every serving route takes them beside its own. */
export const FORM_PARAMETERS: ReadonlySet<string> = new Set(['format', 'raw']);

/**
 * The form a request asks for, from its `Accept` header and its `format` and `raw` parameters; others are left alone.
 * @throws AzudError `invalid-parameter`, `not-acceptable`
 */
export function chooseForm(accept: string | undefined, params: SearchParams): { format: Format; raw: boolean } {
  const form = readOnce(
    [...params].filter(([name]) => FORM_PARAMETERS.has(name)),
    FORM_PARAMETERS,
  );
  const raw = form.get('raw') ?? 'false';
  if (raw !== 'true' && raw !== 'false') throw invalidParameter('raw', 'must be true or false');
  return { format: chooseFormat(accept, form.get('format')), raw: raw === 'true' };
}
