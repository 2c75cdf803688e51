import type { StreamInfo } from '@nats-io/jetstream';
import { messageOf } from '../../error/azud-error.ts';
import { unsafe } from './errors.ts';

export interface DurabilitySettings {
  readonly monitor_url: string | null;
  readonly sync_always: boolean;
  readonly allow_unsafe: boolean;
}

/** A quorum of three survives the loss of one server whatever that one had not synced. */
const SAFE_REPLICAS = 3;
const MONITOR_TIMEOUT_MS = 5_000;

/**
 * The promise behind a 2xx. nats-server answers before it syncs (every 2 minutes by default), and tells its clients
 * nothing of that: only its monitoring address does, since 2.10.
 * @throws AzudError `unsafe-setting` when acknowledged events could be lost with one server
 */
export async function durabilityOf({ config }: StreamInfo, settings: DurabilitySettings): Promise<string> {
  const replicas = config.num_replicas;
  if (replicas >= SAFE_REPLICAS) {
    const quorum = Math.floor(replicas / 2) + 1;
    return `acknowledged means written by ${quorum} of ${replicas} NATS servers, which sync to disk at their own interval`;
  }
  const synced = settings.sync_always || (await syncsAlways(settings.monitor_url));
  if (synced === true)
    return `acknowledged means fsynced on the disk of ${replicas === 1 ? 'the NATS server' : 'both NATS servers'}`;
  if (settings.allow_unsafe) {
    return 'acknowledged means written by one NATS server but not fsynced: a power cut may lose it (allow_unsafe)';
  }
  throw unsafe(
    `stream ${config.name}`,
    `with ${replicas} replica${replicas === 1 ? '' : 's'} an acknowledged event may be lost: ${synced || 'nothing shows that the server syncs before it acknowledges'}`,
    'Use 3 replicas, or run nats-server 2.10 or newer with jetstream { sync_interval: always } and give its monitor_url or sync_always: true',
  );
}

/** True, or why not; false where there is nowhere to ask. */
async function syncsAlways(monitorUrl: string | null): Promise<string | boolean> {
  if (monitorUrl === null) return false;
  const url = new URL('/varz', monitorUrl);
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(MONITOR_TIMEOUT_MS) });
    const facts = (await answer.json()) as VarZ;
    if (facts.jetstream?.config?.sync_always === true) return true;
    return `${url} says that server ${facts.version} syncs every ${intervalOf(facts)}`;
  } catch (error) {
    return `${url} does not answer: ${messageOf(error)}`;
  }
}

interface VarZ {
  readonly version: string;
  readonly jetstream?: { readonly config?: { readonly sync_interval?: number; readonly sync_always?: boolean } };
}

function intervalOf({ jetstream }: VarZ): string {
  const nanos = jetstream?.config?.sync_interval;
  return nanos === undefined ? 'so often as it likes' : `${nanos / 1e9} s`;
}
