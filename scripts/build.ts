/** `npm run build`: dist/ for the npm package. The compiler writes the JavaScript; what is no code is copied beside it. */
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, globSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const dist = join(root, 'dist');

rmSync(dist, { recursive: true, force: true });
execFileSync(join(root, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
copyAssets();
chmodSync(join(dist, 'main.js'), 0o755);

/** Pages, styles, templates and programs that the code reads at run time lie at the same place beside it. */
function copyAssets(): void {
  for (const path of globSync('**/*.{html,css,js,svg,json,yaml,sql,wasm}', { cwd: join(root, 'src') })) {
    const to = join(dist, path);
    mkdirSync(dirname(to), { recursive: true });
    copyFileSync(join(root, 'src', path), to);
  }
}
