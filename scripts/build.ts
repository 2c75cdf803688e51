/** `npm run build`: dist/ for the npm package. The compiler writes the JavaScript; what is no code is copied beside it. */
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const dist = join(root, 'dist');

rmSync(dist, { recursive: true, force: true });
execFileSync(join(root, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
copyAssets();
writeDoor();

/** Pages, styles and templates that the code reads at run time lie at the same place beside it. */
function copyAssets(): void {
  for (const path of globSync('**/*.{html,css,js,svg,json,yaml,sql}', { cwd: join(root, 'src') })) {
    const to = join(dist, path);
    mkdirSync(dirname(to), { recursive: true });
    copyFileSync(join(root, 'src', path), to);
  }
}

/** What `azud` runs: old syntax that any Node reads, so that a Node that is too old is told so. */
function writeDoor(): void {
  const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { engines: { node: string } };
  const [major, minor] = engines.node.replace('>=', '').split('.');
  const door = join(dist, 'azud.js');
  writeFileSync(
    door,
    `#!/usr/bin/env node
var have = process.versions.node.split('.').map(Number);
if (have[0] < ${major} || (have[0] === ${major} && have[1] < ${minor})) {
  process.stderr.write('azud needs Node ${major}.${minor} or newer; this is ' + process.version + ', see https://nodejs.org\\n');
  process.exitCode = 2;
} else {
  import('./main.js');
}
`,
  );
  chmodSync(door, 0o755);
}
