import { CATALOGUE, type ErrorCode } from '../../error/catalogue.ts';
import { type Html, html, page, prose } from './page.ts';

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

/** `/problems` for a browser: every code in the order of the catalogue, which is by status. */
export function problemsPage(): string {
  return page(
    'Error codes · Azud',
    html`<main class="single">
<h1>Error codes</h1>
<p class="lead">Every answer that is not a success names one of them. <a href="/docs">All routes</a></p>
<table>
${Object.entries(CATALOGUE).map(([code, { status, title }]) => entryRow(code, status, title))}
</table>
</main>`,
  );
}

function entryRow(code: string, status: number, title: string): Html {
  return html`<tr><td><a href="/problems/${code}"><code>${code}</code></a></td><td>${status}</td><td>${title}</td></tr>
`;
}
