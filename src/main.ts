#!/usr/bin/env node
/** argv → cli. Nothing is imported before the check, so that an old Node gets a sentence instead of a syntax error. */
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major < 22 || (major === 22 && minor < 18)) {
  process.stderr.write(`azud needs Node 22.18 or newer; this is ${process.version}. Get one at https://nodejs.org\n`);
  process.exitCode = 1;
} else {
  const { runProcess } = await import('./cli/process.ts');
  process.exitCode = await runProcess();
}

export {};
