import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../support/tidy/source.ts';
import type { Sabotage } from './sabotages.ts';

/** Tests that are run against each sabotage. */
export interface Suite {
  readonly name: string;
  /** Arguments of node. */
  readonly run: readonly string[];
}

export interface Verdict {
  readonly caught: boolean;
  /** The test, or what the simulator says. */
  readonly by: string;
}

const RUN_MS_MAX = 240_000;

/** The text with the sabotage done. @throws Error unless the place stands there exactly once */
export function sabotaged(text: string, { name, file, find, replace }: Sabotage): string {
  const parts = text.split(find);
  if (parts.length !== 2) throw new Error(`${name}: its place stands ${parts.length - 1} times in ${file}`);
  return parts.join(replace);
}

/** A copy of the source in a folder of its own, where it can be broken. */
export class Workshop {
  readonly #folder = mkdtempSync(join(tmpdir(), 'azud-break-'));

  constructor() {
    for (const name of ['src', 'test', 'package.json'])
      cpSync(join(ROOT, name), join(this.#folder, name), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules'), join(this.#folder, 'node_modules'));
  }

  break(sabotage: Sabotage): void {
    const path = join(this.#folder, sabotage.file);
    writeFileSync(path, sabotaged(readFileSync(path, 'utf8'), sabotage));
  }

  mend({ file }: Sabotage): void {
    cpSync(join(ROOT, file), join(this.#folder, file));
  }

  /** A suite that does not end in time has shown nothing: the machine may be slow. */
  run({ run }: Suite): Promise<Verdict> {
    return new Promise((resolve) => {
      // A group of its own: the runner of tests, when it is killed, leaves its files running.
      const child = spawn(process.execPath, run, {
        cwd: this.#folder,
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: true,
      });
      let output = '';
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding('utf8').on('data', (text) => (output += text));
      const late = AbortSignal.timeout(RUN_MS_MAX);
      const kill = () => process.kill(-(child.pid as number), 'SIGKILL');
      late.addEventListener('abort', kill);
      child.on('close', (code) => {
        late.removeEventListener('abort', kill);
        resolve({ caught: code !== 0 && !late.aborted, by: late.aborted ? 'it did not end' : firstFailure(output) });
      });
    });
  }

  close(): void {
    rmSync(this.#folder, { recursive: true });
  }
}

/** The name of the first failed test, or the first thing that the simulator found. */
function firstFailure(output: string): string {
  const line =
    /^\s*→ (.*)$/m.exec(output) ?? /^\s*(?:✖|not ok \d+ -) (?!failing tests)(.*?)(?: \([\d.]+ms\))?$/m.exec(output);
  return (line?.[1] ?? output.trim().split('\n').at(-1) ?? '').slice(0, 160);
}
