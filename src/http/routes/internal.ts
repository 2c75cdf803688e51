import { readTakenIn, type TakenIn, writeTakenIn } from '../../event/taken-in.ts';
import { jsonAnswer } from '../answer.ts';
import { PING_PATH } from '../forward.ts';
import { answerReceipt } from './receipt.ts';
import type { Route } from './route.ts';

export const SNAPSHOT_PATH = '/internal/metrics';

/** Waits up to `ms` for a transaction to be settled. */
export function settledPath(transactionId: string, ms: number, takenIn: TakenIn | null): string {
  return `/internal/settled/${transactionId}?ms=${Math.ceil(ms)}${takenIn ? `&${brought(takenIn)}` : ''}`;
}

/** The receipt of a transaction of which the front door knows more. */
export function receiptPath(transactionId: string, takenIn: TakenIn): string {
  return `/internal/receipts/${encodeURIComponent(transactionId)}?${brought(takenIn)}`;
}

function brought(takenIn: TakenIn): string {
  return `taken_in=${encodeURIComponent(writeTakenIn(takenIn))}`;
}

function takenInOf(query: URLSearchParams): TakenIn | null {
  const text = query.get('taken_in');
  return text === null ? null : readTakenIn(text);
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
    summary: 'Does the process answer, and which is it?',
    handler: () => jsonAnswer(200, { pid: process.pid }),
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
      const patience = { ms: Number(query.get('ms')), signal, takenIn: takenInOf(query) };
      return jsonAnswer(200, await rooms.query().receipts.settled(params.transaction_id ?? '', patience));
    },
  },
  {
    ...ROUTE,
    id: 'known_receipt',
    path: '/internal/receipts/{transaction_id}',
    summary: 'The receipt of a transaction of which the front door knows more',
    // It stands for the public route, which asks who may see it.
    scope: 'any',
    handler: (request, rooms) => answerReceipt(request, rooms, takenInOf(request.query)),
  },
];
