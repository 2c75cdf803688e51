import { jsonAnswer } from '../answer.ts';
import { PING_PATH } from '../forward.ts';
import type { Route } from './route.ts';

export const SNAPSHOT_PATH = '/internal/metrics';

/** Waits up to `ms` for a transaction to be settled. */
export function settledPath(transactionId: string, ms: number): string {
  return `/internal/settled/${transactionId}?ms=${Math.ceil(ms)}`;
}

const ROUTE = {
  method: 'GET',
  home: 'any',
  tag: 'system',
  scope: 'public',
  parameters: [],
  requestBody: null,
  bodyBytesMax: 0,
  responses: {},
  errors: [],
  example: '',
  description: '',
  streamed: false,
} as const satisfies Partial<Route>;

/** Between Azud's own processes, on their socket alone; not part of the documented interface. */
export const INTERNAL_ROUTES: readonly Route[] = [
  {
    ...ROUTE,
    id: 'ping',
    path: PING_PATH,
    summary: 'Does the process answer?',
    handler: () => jsonAnswer(200, {}),
  },
  {
    ...ROUTE,
    id: 'snapshot',
    path: SNAPSHOT_PATH,
    summary: 'The instruments of this process, to be merged',
    handler: async (_request, { system }) => jsonAnswer(200, await system.snapshot()),
  },
  {
    ...ROUTE,
    id: 'settled',
    path: '/internal/settled/{transaction_id}',
    summary: 'The receipt once nothing is queued, null when the time is over',
    async handler({ params, query, signal }, rooms) {
      const patience = { ms: Number(query.get('ms')), signal };
      return jsonAnswer(200, await rooms.query().receipts.settled(params.transaction_id ?? '', patience));
    },
  },
];
