import type { Config } from '../config/config.ts';
import type { Io } from '../lib/io.ts';
import type { Log } from '../telemetry/log.ts';
import type { Role } from './roles.ts';

/** Everything that a process needs to know to become itself. Plain data: it travels from the supervisor to a child. */
export interface ProcessPlan {
  /** `intake`, `analytics` or the role's name; shown in `ps`, in logs and in metrics. */
  readonly title: string;
  readonly config: Config;
  readonly roles: readonly Role[];
  /** `public`: the configured address. `internal`: the socket of a supervised analytics process. */
  readonly door: 'public' | 'internal';
  /** Reads are forwarded to the analytics process of this installation. */
  readonly forwards: boolean;
  /** 0 takes any free port. */
  readonly port: number;
  readonly allowDestructive: boolean;
  /** It has run before in this system: what it had on disk must be there still. */
  readonly resumed?: boolean;
}

export interface ComposeContext {
  /** The disk below the log. */
  readonly io: Io;
  readonly log: Log;
  /** A step of starting or recovering, in words. */
  readonly onStep: (step: string) => void;
  /** Nothing in this process is to be trusted any more: it must end, and recovers when it starts again. */
  readonly onFatal: (error: Error) => void;
}
