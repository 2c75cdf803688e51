import type { ErrorCode } from '../error/catalogue.ts';
import type { ProcessPlan } from './plan.ts';

/** What the supervisor tells a child. `drain`: finish requests and say `drained`. `stop`: close everything and exit 0. */
export type ToChild =
  | { readonly type: 'start'; readonly plan: ProcessPlan }
  | { readonly type: 'drain' }
  | { readonly type: 'stop' };

/** What a child tells the supervisor. */
export type FromChild =
  | { readonly type: 'ready'; readonly port: number; readonly url: string; readonly promise: string }
  | { readonly type: 'step'; readonly step: string }
  | { readonly type: 'drained' }
  /** Somebody sent SIGTERM to this process. */
  | { readonly type: 'terminated' }
  | {
      readonly type: 'failed';
      readonly code: ErrorCode;
      readonly message: string;
      readonly details: readonly string[];
      readonly hint: string;
      readonly exit: number;
    };
