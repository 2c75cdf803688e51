import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from './tidy/source.ts';

/** A shell snippet of a page: what stands between ```sh and ```. */
export interface Snippet {
  readonly page: string;
  readonly line: number;
  readonly text: string;
}

/** Where every page says that Azud runs. */
const WRITTEN_URL = 'http://127.0.0.1:8080';
/** In a snippet, an answer that is no 2xx is a mistake of the page. */
const STRICT_CURL = 'set -euo pipefail\ncurl() { command curl -sS --fail-with-body --max-time 30 "$@"; }\n';

/** Those with a curl in them, in their order. */
export function snippetsOf(page: string): Snippet[] {
  const text = readFileSync(join(ROOT, page), 'utf8');
  return [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)]
    .map((match) => ({
      page,
      line: text.slice(0, match.index).split('\n').length + 1,
      text: match[1] ?? '',
    }))
    .filter((snippet) => snippet.text.includes('curl '));
}

/** Runs it against a system that runs elsewhere; answers what it printed. @throws Error when a curl is not answered with a 2xx */
export async function runSnippet({ text }: Snippet, url: string): Promise<string> {
  const { stdout } = await promisify(execFile)('bash', ['-c', STRICT_CURL + text.replaceAll(WRITTEN_URL, url)]);
  return stdout;
}
