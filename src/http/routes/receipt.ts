import type { TakenIn } from '../../event/taken-in.ts';
import { type Answer, jsonAnswer } from '../answer.ts';
import { allows } from '../auth.ts';
import type { Rooms } from '../rooms.ts';
import type { RouteRequest } from './route.ts';

/** Whoever may neither send to nor read from a dataset learns nothing, not even that the transaction is there. */
export async function answerReceipt(
  { params, principal, signal }: RouteRequest,
  rooms: Rooms,
  takenIn: TakenIn | null,
): Promise<Answer> {
  const { transaction_id: id = '' } = params;
  const visible = (dataset: string) => allows(principal, `intake:${dataset}`) || allows(principal, `query:${dataset}`);
  return jsonAnswer(200, await rooms.query().receipts.of(id, { signal, visible, takenIn }));
}
