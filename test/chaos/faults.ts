import { watch } from 'node:fs';
import { dirname } from 'node:path';
import { pause } from '../support/moments.ts';
import type { System } from '../support/system.ts';
import { DAMAGES, databaseFiles, keepOlder } from './damage.ts';

export interface Blow {
  readonly system: System;
  readonly random: () => number;
  /** Writes down what should never be. */
  readonly complain: (words: string) => void;
}

export interface Fault {
  readonly name: string;
  /** Intake answers 2xx all the while. */
  readonly steady?: true;
  /** Children that the supervisor loses by it. */
  readonly deaths?: number;
  /** It leaves a new supervisor, which remembers no deaths. */
  readonly fresh?: true;
  /** Resolves when what follows is up to the system: processes that it starts need not be ready. */
  readonly strike: (blow: Blow) => Promise<void>;
}

const CHECKPOINT_WITHIN_MS = 2_000;

/** SIGTERM under load: drained, nothing lost, exit code 0, and a new start. */
export const TERMINATE: Fault = {
  name: 'SIGTERM',
  fresh: true,
  async strike({ system, complain }) {
    const code = await system.terminate();
    if (code !== 0) complain(`SIGTERM ended with ${code}`);
    await system.spawn();
  },
};

/** Faults of Azud's own processes, for every broker and store. */
export const PROCESS_FAULTS: readonly Fault[] = [
  { name: 'kill -9 intake', deaths: 1, strike: ({ system }) => kill(system, 'intake') },
  { name: 'kill -9 analytics', steady: true, deaths: 1, strike: ({ system }) => kill(system, 'analytics') },
  {
    name: 'kill -9 both',
    deaths: 2,
    async strike({ system }) {
      await Promise.all([kill(system, 'intake'), kill(system, 'analytics')]);
    },
  },
  {
    name: 'kill -9 all three',
    fresh: true,
    async strike({ system }) {
      await system.crash();
      await system.spawn();
    },
  },
  {
    name: 'kill -9 supervisor',
    fresh: true,
    async strike({ system }) {
      await system.orphan();
      await system.spawn();
    },
  },
  {
    name: 'kill -9 in start-up',
    fresh: true,
    async strike({ system, random }) {
      await system.crash();
      await system.spawn();
      await pause(random() * 1_500);
      await system.crash();
      await system.spawn();
    },
  },
  {
    name: 'kill -9 in recovery',
    deaths: 3,
    async strike({ system, random }) {
      await kill(system, 'analytics');
      await pause(random() * 800);
      for (const { pid } of await system.children()) killPid(pid);
    },
  },
  {
    name: 'SIGSTOP intake',
    async strike({ system, random }) {
      await stopped(system, ['intake'], 200 + random() * 1_500);
    },
  },
  {
    name: 'SIGSTOP analytics',
    steady: true,
    async strike({ system, random }) {
      await stopped(system, ['analytics'], 200 + random() * 3_500);
    },
  },
  {
    name: 'SIGSTOP both',
    async strike({ system, random }) {
      await stopped(system, ['intake', 'analytics'], 200 + random() * 1_500);
    },
  },
];

/** Faults of the database file that the embedded store keeps. */
export const DUCKDB_FAULTS: readonly Fault[] = [
  {
    name: 'kill -9 in a checkpoint',
    steady: true,
    deaths: 1,
    async strike({ system }) {
      await checkpointOf(databaseFiles(system.dataDir).main);
      await kill(system, 'analytics');
    },
  },
  ...DAMAGES.map(
    ({ name, inflict }): Fault => ({
      name: `database ${name}`,
      fresh: true,
      async strike({ system, random }) {
        const files = databaseFiles(system.dataDir);
        await keepOlder(files);
        await pause(random() * 500);
        await system.crash();
        await inflict(files, random);
        await system.spawn();
      },
    }),
  ),
];

async function kill(system: System, role: string): Promise<void> {
  await system.kill(role, 'SIGKILL');
}

async function stopped(system: System, roles: readonly string[], ms: number): Promise<void> {
  for (const role of roles) await system.kill(role, 'SIGSTOP');
  await pause(ms);
  for (const role of roles) await system.kill(role, 'SIGCONT');
}

function killPid(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

/** Resolves when something writes to the database file itself, which only a checkpoint does; or when none comes. */
function checkpointOf(main: string): Promise<void> {
  const begun = new Promise<void>((resolve) => {
    const watcher = watch(dirname(main), (_, name) => {
      if (name !== null && main.endsWith(`/${name}`)) resolve();
    });
    void pause(CHECKPOINT_WITHIN_MS).then(() => watcher.close());
  });
  return Promise.race([begun, pause(CHECKPOINT_WITHIN_MS)]);
}
