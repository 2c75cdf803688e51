import { CATALOGUE, type ErrorCode } from '../../error/catalogue.ts';
import { html, page, prose } from './page.ts';

/** `/problems/{code}` for a browser. */
export function problemPage(code: ErrorCode): string {
  const { status, title, hint, retryable } = CATALOGUE[code];
  const again = retryable
    ? 'The same request may succeed later.'
    : 'The same request will be refused again until something is changed.';
  return page(
    `${code} · Azud`,
    html`<main class="single">
<p class="status">${status} ${code}</p>
<h1>${title}</h1>
<p class="lead">${prose(hint)}</p>
<p>${again}</p>
<p><a href="/docs">All routes</a> · <a href="/problems">All codes</a></p>
</main>`,
  );
}
