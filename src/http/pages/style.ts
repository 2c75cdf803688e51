/** The one style sheet of the pages. Water and stone: a deep teal for what flows, warm greys for what holds it. */
export const STYLE = `
:root{--ground:#fbfaf7;--panel:#fff;--ink:#1d2426;--soft:#5c686b;--line:#e2dfd7;--water:#0f6b73;--tint:#e4f1f0;--code:#f3f1eb;--post:#8a4b12;--post-tint:#f8ecdf}
@media (prefers-color-scheme:dark){:root{--ground:#12181a;--panel:#192124;--ink:#e6e9e7;--soft:#98a5a7;--line:#2b363a;--water:#6cc5c4;--tint:#17363a;--code:#10171a;--post:#e3ad73;--post-tint:#3a2a18}}
*{box-sizing:border-box}
html{scroll-behavior:smooth;scroll-padding-top:1.5rem}
@media (prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.6 ui-sans-serif,system-ui,-apple-system,"Segoe UI","Helvetica Neue",sans-serif;-webkit-font-smoothing:antialiased}
code,pre,.path{font-family:ui-monospace,"SF Mono","Cascadia Code",Menlo,Consolas,monospace;font-size:.875em}
a{color:var(--water);text-decoration-thickness:1px;text-underline-offset:.2em}
a:focus-visible,summary:focus-visible,pre:focus-visible{outline:2px solid var(--water);outline-offset:2px;border-radius:3px}
.shell{display:grid;grid-template-columns:17rem minmax(0,1fr);max-width:84rem;margin:0 auto}
nav{position:sticky;top:0;height:100vh;overflow-y:auto;padding:2rem 1.25rem;border-right:1px solid var(--line);font-size:.875rem}
nav .mark{display:block;font-weight:650;font-size:1.05rem;letter-spacing:-.01em;color:var(--ink);text-decoration:none}
nav .version{color:var(--soft);margin:0 0 1.5rem}
nav h2{font-size:.6875rem;letter-spacing:.09em;text-transform:uppercase;color:var(--soft);margin:1.5rem 0 .4rem;font-weight:600}
nav ul{list-style:none;margin:0;padding:0}
nav li a{display:block;padding:.2rem .5rem;margin:0 -.5rem;border-radius:4px;color:var(--ink);text-decoration:none;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
nav li a:hover{background:var(--tint);color:var(--water)}
main{padding:3rem clamp(1.25rem,4vw,3.5rem) 6rem;min-width:0}
h1{font-size:2rem;line-height:1.2;letter-spacing:-.022em;margin:0 0 .75rem;font-weight:650}
.lead{font-size:1.125rem;color:var(--soft);max-width:42rem;margin:0 0 1.5rem}
main h2{font-size:1.375rem;letter-spacing:-.015em;margin:3.5rem 0 1rem;padding-bottom:.5rem;border-bottom:1px solid var(--line)}
h3{font-size:1.0625rem;margin:0;font-weight:600;letter-spacing:-.008em}
h4{font-size:.75rem;letter-spacing:.06em;text-transform:uppercase;color:var(--soft);margin:1.25rem 0 .35rem;font-weight:600}
p{max-width:44rem;margin:.5rem 0}
.facts{display:flex;flex-wrap:wrap;gap:.4rem 2rem;margin:0;padding:0;list-style:none;color:var(--soft);font-size:.9375rem}
.facts b{color:var(--ink);font-weight:600}
.route{background:var(--panel);border:1px solid var(--line);border-radius:8px;padding:1.25rem 1.5rem 1.4rem;margin:1rem 0}
.route:target{border-color:var(--water);box-shadow:0 0 0 1px var(--water)}
.line{display:flex;align-items:baseline;gap:.65rem;margin:.35rem 0 .6rem;flex-wrap:wrap}
.method{font:600 .6875rem/1 ui-monospace,Menlo,Consolas,monospace;letter-spacing:.05em;padding:.34rem .5rem;border-radius:4px;background:var(--tint);color:var(--water)}
.method.post{background:var(--post-tint);color:var(--post)}
.path{overflow-wrap:anywhere}
.scope{color:var(--soft);font-size:.8125rem}
code{background:var(--code);padding:.1em .35em;border-radius:3px}
.path,pre code,.scope code{background:none;padding:0}
pre{background:var(--code);border:1px solid var(--line);border-radius:6px;padding:.85rem 1rem;white-space:pre-wrap;overflow-wrap:anywhere;margin:.75rem 0 0;line-height:1.5;user-select:all;-webkit-user-select:all}
table{border-collapse:collapse;width:100%;font-size:.875rem}
td,th{text-align:left;vertical-align:top;padding:.4rem 1rem .4rem 0;border-bottom:1px solid var(--line)}
th{font-weight:600;color:var(--soft);font-size:.8125rem}
tr:last-child td{border-bottom:0}
td:first-child{white-space:nowrap}
.must{color:var(--post);font-size:.75rem;margin-left:.35rem}
.codes{display:flex;flex-wrap:wrap;gap:.3rem .9rem;font-size:.8125rem;margin:0;padding:0;list-style:none}
.codes a{text-decoration:none}
.codes a:hover{text-decoration:underline}
.single{max-width:44rem;margin:0 auto;padding:12vh 1.5rem}
.status{color:var(--water);font:600 .875rem/1 ui-monospace,Menlo,Consolas,monospace;letter-spacing:.04em}
@media (max-width:56rem){.shell{display:block}nav{position:static;height:auto;border-right:0;border-bottom:1px solid var(--line);padding:1.25rem}nav ul{columns:2}main{padding-top:2rem}}
@media print{nav{display:none}.shell{display:block}.route{break-inside:avoid}}
`;
