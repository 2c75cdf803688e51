import { type DocumentFacts, scopeText } from '../document-facts.ts';
import { type Parameter, type Route, TAGS, type Tag } from '../routes/route.ts';
import { curlOf } from './curl.ts';
import { type Html, html, page, prose } from './page.ts';

/** `/docs`: every route with an example to copy. */
export function docsPage(routes: readonly Route[], facts: DocumentFacts): string {
  const groups = (Object.keys(TAGS) as Tag[])
    .map((tag) => ({ tag, routes: routes.filter((route) => route.tag === tag) }))
    .filter((group) => group.routes.length > 0);
  return page(
    `${facts.system} · Azud`,
    html`<div class="shell">
<nav aria-label="Routes">
<a class="mark" href="#top">${facts.system}</a>
<p class="version">Azud ${facts.version} · ${facts.environment}</p>
${groups.map(navigation)}
</nav>
<main id="top">
<h1>${facts.system}</h1>
<p class="lead">What this system takes in and serves. Every route stands here with an example to copy, made from the configuration that is running.</p>
<ul class="facts">
<li><b>Durability</b> ${facts.promise}</li>
<li><b>Tokens</b> ${facts.tokens ? prose('needed: send `Authorization: Bearer <token>`') : 'none are set; this system listens on loopback only'}</li>
<li><b>Machine-readable</b> <a href="/openapi.json">openapi.json</a></li>
</ul>
${groups.map((group) => section(group, facts))}
</main>
</div>`,
  );
}

interface Group {
  readonly tag: Tag;
  readonly routes: readonly Route[];
}

function navigation({ tag, routes }: Group): Html {
  return html`<h2>${TAGS[tag]}</h2>
<ul>${routes.map((route) => html`<li><a href="#${route.id}" title="${route.method} ${route.path}">${route.summary}</a></li>`)}</ul>`;
}

function section({ tag, routes }: Group, facts: DocumentFacts): Html {
  return html`<h2 id="tag-${tag}">${TAGS[tag]}</h2>
${routes.map((route) => article(route, facts))}`;
}

function article(route: Route, facts: DocumentFacts): Html {
  return html`<article class="route" id="${route.id}">
<h3>${route.summary}</h3>
<div class="line"><span class="method ${route.method.toLowerCase()}">${route.method}</span><span class="path">${route.path}</span><span class="scope">${scopeLine(route)}</span></div>
<p>${prose(route.description)}</p>
${route.parameters.length > 0 ? parameterTable(route.parameters) : ''}
<h4>Try it</h4>
<pre tabindex="0"><code>${curlOf(route, facts)}</code></pre>
${route.errors.length > 0 ? errorList(route) : ''}
</article>`;
}

function scopeLine(route: Route): Html {
  const scope = scopeText(route.scope);
  if (scope === 'public') return html`needs no token`;
  return scope === 'any' ? html`any token` : html`scope <code>${scope}</code>`;
}

function parameterTable(parameters: readonly Parameter[]): Html {
  return html`<h4>Parameters</h4>
<table>
${parameters.map(
  ({ name, in: place, required, description, schema }) => html`<tr>
<td><code>${name}</code>${required ? html`<span class="must">required</span>` : ''}</td>
<td>${place}</td>
<td>${prose(description)} ${bounds(schema)}</td>
</tr>`,
)}
</table>`;
}

/** The schema in words: `integer, 1 to 1000, 10 by default`. */
function bounds(schema: Parameter['schema']): Html {
  const words = [
    Array.isArray(schema.enum) ? `one of ${schema.enum.join(', ')}` : String(schema.format ?? schema.type ?? ''),
    schema.minimum !== undefined ? `at least ${schema.minimum}` : '',
    schema.maximum !== undefined ? `at most ${schema.maximum}` : '',
    schema.pattern !== undefined ? `like ${schema.pattern}` : '',
    schema.default !== undefined ? `${schema.default} by default` : '',
  ];
  return html`<span class="scope">${words.filter((word) => word !== '').join(', ')}</span>`;
}

function errorList({ errors }: Route): Html {
  return html`<h4>Refusals of its own</h4>
<ul class="codes">${errors.map((code) => html`<li><a href="/problems/${code}">${code}</a></li>`)}</ul>`;
}
