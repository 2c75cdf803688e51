import type { Clock } from '../../lib/clock.ts';
import type { Io } from '../../lib/io.ts';
import type { Log } from '../../telemetry/log.ts';
import type { BrokerDriver } from '../driver.ts';
import { LogClient } from './client.ts';
import { LogOwner, type OwnerLimits } from './owner.ts';

/** What LOG_SETTINGS (config.ts) declares, read. */
export interface LogSettings {
  readonly segment_bytes: number;
  /** ms. */
  readonly retention: number;
  readonly retention_bytes: number;
}

export interface LogContext {
  readonly dataDir: string;
  /** One process owns the log and writes it; others on the host are its clients. */
  readonly role: 'owner' | 'client';
  readonly io: Io;
  readonly clock: Clock;
  readonly log: Log;
  /** The process must end (exit code 74): what is on disk is not known any more. */
  readonly onFatal: (error: Error) => void;
  readonly limits?: Partial<OwnerLimits>;
}

/** The embedded segment log, as its owner or as a client of the process that owns it. */
export function createLogDriver(settings: LogSettings, { role, ...context }: LogContext): BrokerDriver {
  if (role === 'client') return new LogClient(context);
  return new LogOwner({
    ...context,
    segmentBytesMax: settings.segment_bytes,
    retentionMs: settings.retention,
    retentionBytes: settings.retention_bytes,
  });
}
