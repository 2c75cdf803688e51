import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DiskCall } from '../support/simulated-disk.ts';
import { ROOT } from '../support/tidy/source.ts';
import type { Watch } from './boot.ts';
import type { OwnedChance } from './chance.ts';
import { FOREVER, type Plan, type Trouble } from './plan.ts';
import { run } from './run.ts';
import { canFail } from './troubles.ts';

/** One call to the disk in the source: `segment.ts:94 createSegment`, with what it calls. */
interface Site {
  readonly name: string;
  /** Call numbers, each with the start (from 0) in which it was seen. */
  readonly calls: { readonly boot: number; readonly at: number; readonly call: DiskCall }[];
}

export interface EveryCallTable {
  readonly rows: readonly { readonly site: string; readonly calls: number; readonly runs: number }[];
  readonly failures: readonly string[];
  /** Calls in the source of the log that no run came by; looked for when every call is tried. */
  readonly unreached: readonly string[];
}

export interface EveryCallOptions {
  readonly owned: OwnedChance;
  /** Calls tried of each site, spread over all; all of them when there is none. */
  readonly callsMax?: number;
  readonly onCall?: (done: number, total: number) => void;
}

const KINDS = ['EIO', 'ENOSPC', 'SHORT'] as const;

/** Enough of everything: rotation, retention, a snapshot, dead letters, a reserve. */
const SETTINGS = {
  segmentBytesMax: 1_500,
  retentionMs: 0,
  retentionBytes: 0,
  reserveBytes: 2_000,
  snapshotGrowthBytes: 1_500,
  unitEventsMax: 10,
};
/** The first start makes the files, is killed in the midst of its work, and the second recovers them. */
const KILLED: Trouble = { boot: 0, at: 170, kind: 'kill', calls: 1 };
/** After the failure power goes too: what was only in memory is gone. */
const CUT_AFTER = 90;
const BASE: Plan = { seed: 11, requests: 6, settings: SETTINGS, troubles: [KILLED] };

/**
 * Fails every call to the disk that a run of two starts makes: with EIO, ENOSPC and a short count, once and from then on;
 * then cuts the power in the start after it.
 */
export async function failEveryCall({ owned, callsMax, onCall }: EveryCallOptions): Promise<EveryCallTable> {
  const sites = await sitesOf(BASE, owned);
  const reached = new Set(sites.map(({ name }) => placeOf(name)));
  // Looking up who calls takes longer than the call, so only the whole table does it in every run.
  const watch: Watch | undefined =
    callsMax === undefined ? (_, call) => reached.add(placeOf(siteOfCaller(call))) : undefined;
  const failures: string[] = [];
  const plans = sites.map((site) => ({ site, plans: plansOf(site, callsMax) }));
  const total = plans.reduce((sum, each) => sum + each.plans.length, 0);
  let done = 0;
  for (const { site, plans: own } of plans) {
    for (const plan of own) {
      const { faults, met } = await run(plan, owned, watch);
      if (faults.length > 0) failures.push(`${site.name}: ${met.join('; ')} → ${faults[0]}`);
      done += 1;
      onCall?.(done, total);
    }
  }
  const rows = plans.map(({ site, plans: own }) => ({ site: site.name, calls: site.calls.length, runs: own.length }));
  return { rows, failures, unreached: watch ? unreachedOf(reached) : [] };
}

async function sitesOf(plan: Plan, owned: OwnedChance): Promise<Site[]> {
  const sites = new Map<string, Site>();
  const counts = new Map<number, number>();
  await run(plan, owned, (boot, call) => {
    if (boot > 1 || call.path.startsWith('/proc')) return;
    const at = (counts.get(boot) ?? 0) + 1;
    counts.set(boot, at);
    const name = siteOfCaller(call);
    const site = sites.get(name) ?? { name, calls: [] };
    sites.set(name, site);
    site.calls.push({ boot, at, call });
  });
  return [...sites.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The line of ours that makes the call: the first frame that is neither the disk nor what goes on after short counts. */
function siteOfCaller({ name }: DiskCall): string {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 30;
  const frames = (new Error('here').stack ?? '').split('\n').slice(1);
  Error.stackTraceLimit = limit;
  const own = frames.find((frame) => /\/(src\/(?!lib\/)|test\/simulate\/model-store)/.test(frame));
  const place = /((?:src|test)\/[\w/.-]+):(\d+):\d+/.exec(own ?? '');
  return place ? `${place[1]}:${place[2]} ${name}` : `elsewhere ${name}`;
}

function placeOf(site: string): string {
  return site.split(' ')[0] ?? '';
}

function plansOf({ calls }: Site, callsMax = Infinity): Plan[] {
  const stride = Math.max(1, (calls.length - 1) / Math.max(1, callsMax - 1));
  const tried =
    calls.length <= callsMax ? calls : Array.from({ length: callsMax }, (_, n) => calls[Math.floor(n * stride)]);
  return tried.flatMap((each) => {
    if (!each) return [];
    const { boot, at, call } = each;
    return KINDS.filter((kind) => canFail(kind, call)).flatMap((kind) =>
      [1, FOREVER].map((count) => {
        const before = boot === 0 ? [] : [KILLED];
        const cut: Trouble = { boot: boot + 1, at: CUT_AFTER, kind: 'power', calls: 1 };
        return { ...BASE, troubles: [...before, { boot, at, kind, calls: count }, cut] };
      }),
    );
  });
}

const CALL =
  /\b(?:io|file|log|#file)\??\.(open|list|readFile|mkdir|rename|remove|syncFolder|space|write|read|sync|truncate|size|close)\(/g;

/** The log's own calls, by line, that no site stands for. */
function unreachedOf(reached: ReadonlySet<string>): string[] {
  const files = globSync('src/broker/log/*.ts', { cwd: ROOT }).filter((path) => !/test|socket|client/.test(path));
  return files.flatMap((path) =>
    readFileSync(join(ROOT, path), 'utf8')
      .split('\n')
      .flatMap((line, at) => ([...line.matchAll(CALL)].length > 0 ? [`${path}:${at + 1}`] : []))
      .filter((place) => !reached.has(place)),
  );
}

export function tableText({ rows, failures, unreached }: EveryCallTable): string {
  const width = Math.max(...rows.map(({ site }) => site.length));
  const runs = rows.reduce((sum, row) => sum + row.runs, 0);
  return [
    ...rows.map(
      ({ site, calls, runs: own }) => `${site.padEnd(width)}  ${String(calls).padStart(4)} calls  ${own} runs`,
    ),
    ...unreached.map((place) => `${place}  not reached`),
    ...failures.map((failure) => `→ ${failure}`),
    `${rows.length} call sites, ${runs} runs (EIO, ENOSPC, short; once, from then on), ${failures.length} promises broken`,
  ].join('\n');
}
