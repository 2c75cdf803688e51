import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after } from 'node:test';
import { promisify } from 'node:util';
import { eventually } from './eventually.ts';
import { freePort } from './system.ts';

/** Google's own emulator, a Java program: as a path, or where gcloud keeps its components. */
const JAR = process.env.AZUD_TEST_PUBSUB_JAR;

/** A second on an idle machine; Java takes many times that on a busy one. */
const START_MS = 60_000;

let found: Promise<string> | null = null;

/** @throws Error with what is missing, in words */
function emulatorJar(): Promise<string> {
  found ??= JAR === undefined ? jarOfGcloud() : Promise.resolve(JAR);
  return found;
}

async function jarOfGcloud(): Promise<string> {
  const asked = ['info', '--format=value(installation.sdk_root)'];
  const { stdout } = await promisify(execFile)('gcloud', asked).catch(() => {
    throw new Error('there is no gcloud to find the Pub/Sub emulator with');
  });
  const folder = join(stdout.trim(), 'platform/pubsub-emulator/lib');
  const names: string[] = await readdir(folder).catch(() => []);
  const jar = names.find((name) => /^cloud-pubsub-emulator-.*-all\.jar$/.test(name));
  if (jar === undefined) throw new Error(`gcloud has no Pub/Sub emulator in ${folder}`);
  return join(folder, jar);
}

/** For a driver on an emulator; topic and emulator are the test's. */
export const PUBSUB_SETTINGS = {
  project: 'test',
  topic: '',
  subscription: null,
  credentials: null,
  emulator: '',
  ordering: false,
  exactly_once: false,
  ack_deadline: 10_000,
  prefetch: 1_000,
  prefetch_bytes: 64 * 1024 * 1024,
  retention: 600_000,
  dead_letter_topic: null,
  max_delivery_attempts: 5,
  auto_declare: true,
};

/** What the tests of the broker `pubsub` lack here, in words, or null. */
export async function missingPubsub(): Promise<string | null> {
  try {
    await emulatorJar();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return spawnSync('java', ['-version']).status === 0 ? null : 'there is no java to run the Pub/Sub emulator';
}

/** A Pub/Sub emulator of a test's own. It keeps everything in memory: who stops it has lost it. */
export class PubsubEmulator {
  readonly port: number;
  #process: ChildProcess | null = null;

  private constructor(port: number) {
    this.port = port;
  }

  static async start(): Promise<PubsubEmulator> {
    const emulator = new PubsubEmulator(await freePort());
    try {
      await emulator.#spawn();
    } catch (error) {
      await emulator.stop();
      throw error;
    }
    return emulator;
  }

  get host(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** kill -9, and an empty one at the same address. */
  async replace(): Promise<void> {
    await this.stop();
    await this.#spawn();
  }

  async stop(): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  async #spawn(): Promise<void> {
    const flags = ['-Xmx512m', '-jar', await emulatorJar(), '--host=127.0.0.1', `--port=${this.port}`];
    this.#process = spawn('java', flags, { stdio: 'ignore' });
    await eventually(
      async () => {
        const answer = await fetch(`http://${this.host}/`, { signal: AbortSignal.timeout(1_000) });
        if (!answer.ok) throw new Error(`the Pub/Sub emulator answers ${answer.status}`);
      },
      { timeoutMs: START_MS },
    );
  }
}

/** A `broker:` on an emulator of its own, which ends when the tests of the file have ended. */
export async function freshPubsub(): Promise<Readonly<Record<string, unknown>>> {
  const emulator = await PubsubEmulator.start();
  after(() => emulator.stop());
  return { kind: 'pubsub', emulator: emulator.host, topic: 'azud_test_system', ack_deadline: '10s' };
}
