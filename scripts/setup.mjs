/**
 * What a fresh clone needs before anything else can run: the packages of package-lock.json, the Node that Azud is
 * developed on, and the plain scan compiled to WebAssembly. Plain JavaScript without dependencies, for any Node from 20 on. Does nothing, quickly, when all is there.
 *
 * Install scripts never run, ours or anybody's: the one package that wants one (`node`, which fetches its binary that
 * way) is served here instead, so a machine that blocks install scripts is like any other.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const modules = join(root, 'node_modules');
const bin = join(modules, '.bin');
const runtime = join(modules, 'node', 'bin', 'node');

/** The first Node that strips types without a flag. */
const NODE_MIN = [22, 18];

/** The sources of the plain scan, its entry first. A file that is not named here is dead to test/tidy.test.ts. */
const PLAIN_SCAN = [
  'src/event/plain-scan/assembly/scan.ts',
  'src/event/plain-scan/assembly/byte.ts',
  'src/event/plain-scan/assembly/key.ts',
  'src/event/plain-scan/assembly/rules.ts',
  'src/event/plain-scan/assembly/string.ts',
  'src/event/plain-scan/assembly/value.ts',
  'src/event/plain-scan/layout.ts',
];

/** Without node_modules/.bin, so that npm never runs on a Node that it is about to replace. */
const env = {
  ...process.env,
  PATH: (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => resolve(folder) !== bin)
    .join(delimiter),
};

main();

function main() {
  const begun = performance.now();
  const work = [];
  if (!packagesAreThere()) {
    say('installing what is missing, once: this takes about half a minute');
    npm('ci', '--include=dev', '--include=optional');
    work.push('packages');
  }
  if (!runs(join(bin, 'node'))) {
    installRuntime();
    work.push(`Node ${version(join(bin, 'node')).join('.')}`);
  }
  if (compilePlainScan()) work.push('the plain scan');
  if (work.length > 0) say(`installed ${work.join(' and ')} in ${((performance.now() - begun) / 1000).toFixed(1)} s`);
}

/** npm keeps a list of what it has installed; it must hold every package of the lock that is not optional. */
function packagesAreThere() {
  const wanted = packagesOf(join(root, 'package-lock.json'));
  const installed = packagesOf(join(modules, '.package-lock.json'));
  return Object.entries(wanted).every(
    ([path, { version, optional }]) => path === '' || optional || installed[path]?.version === version,
  );
}

function packagesOf(lockFile) {
  try {
    return JSON.parse(readFileSync(lockFile, 'utf8')).packages ?? {};
  } catch (error) {
    if (error.code === 'ENOENT') return {};
    throw error;
  }
}

/** Puts a Node that is new enough at node_modules/.bin/node: its npm package, or else the machine's own. */
function installRuntime() {
  const wanted = packagesOf(join(root, 'package-lock.json'))['node_modules/node'].version;
  const name = platformPackage();
  try {
    npm('install', '--prefix', join(modules, 'node'), '--no-save', '--no-package-lock', `${name}@${wanted}`);
    place(join(modules, 'node', 'node_modules', name, 'bin', 'node'), runtime);
    link(runtime);
    if (runs(runtime)) return;
  } catch (error) {
    say(`the package ${name}@${wanted} could not be installed: ${firstLine(error)}`);
  }
  const own = machineNode();
  if (own === null) {
    say(
      `Azud needs Node ${NODE_MIN.join('.')} or newer; install one from https://nodejs.org and run the command again`,
    );
    process.exit(1);
  }
  link(own);
}

/** From AssemblyScript. True when it was made anew: beside the program lies the sum of what it was made from. */
function compilePlainScan() {
  const program = join(root, 'src/event/plain-scan/plain-scan.wasm');
  const flags = ['-O3', '--converge', '--noAssert', '--runtime', 'stub', '--enable', 'simd', '--initialMemory', '4'];
  const { version } = packagesOf(join(root, 'package-lock.json'))['node_modules/assemblyscript'];
  const sources = PLAIN_SCAN.map((path) => readFileSync(join(root, path), 'utf8'));
  const sum = createHash('sha256')
    .update([version, ...flags, ...sources].join('\n'))
    .digest('hex');
  if (existsSync(program) && existsSync(`${program}.sum`) && readFileSync(`${program}.sum`, 'utf8') === sum)
    return false;
  // Under another name first: a system that starts meanwhile must not read half of it.
  const unfinished = `${program}.${process.pid}`;
  const compiler = join(modules, 'assemblyscript/bin/asc.js');
  execFileSync(join(bin, 'node'), [compiler, PLAIN_SCAN[0], '-o', unfinished, ...flags], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  renameSync(unfinished, program);
  writeFileSync(`${program}.sum`, sum);
  return true;
}

function platformPackage() {
  const prefix = process.platform === 'darwin' && process.arch === 'arm64' ? 'node-bin' : 'node';
  return `${prefix}-${process.platform}-${process.arch}`;
}

/** A hard link costs no space; a file system without them gets a copy. */
function place(from, to) {
  mkdirSync(dirname(to), { recursive: true });
  rmSync(to, { force: true });
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to);
  }
  chmodSync(to, 0o755);
}

function link(target) {
  mkdirSync(bin, { recursive: true });
  rmSync(join(bin, 'node'), { force: true });
  symlinkSync(target.startsWith(modules) ? relative(bin, target) : target, join(bin, 'node'));
}

function machineNode() {
  const candidates = env.PATH.split(delimiter).map((folder) => join(folder, 'node'));
  return candidates.find((candidate) => existsSync(candidate) && runs(candidate)) ?? null;
}

function runs(node) {
  const [major, minor] = version(node);
  return major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1]);
}

/** [major, minor, patch], zeros when it does not run. */
function version(node) {
  try {
    if (realpathSync(node) === realpathSync(process.execPath)) return numbers(process.versions.node);
    return numbers(execFileSync(node, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
  } catch {
    return [0, 0, 0];
  }
}

function numbers(text) {
  return (text.match(/\d+/g) ?? ['0', '0', '0']).map(Number);
}

function npm(...args) {
  // The child inherits npm's own settings (registry, proxy, certificates) through the environment.
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-progress', '--loglevel=error'];
  const { status, error, stdout, stderr } = spawnSync('npm', [...args, ...quiet], { cwd: root, env, encoding: 'utf8' });
  if (error) throw error;
  if (status === 0) return;
  process.stderr.write(stdout + stderr);
  throw new Error(`npm ${args[0]} failed with exit code ${status}`);
}

function firstLine(error) {
  return String(error.message).split('\n')[0];
}

function say(text) {
  process.stderr.write(`azud: ${text}\n`);
}
