import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Lookahead } from './lookahead.ts';
import type { Unit } from './unit.ts';

/** Gathers units that are told apart by their number of deliveries. */
class Gathering {
  readonly gathered: (Unit | null)[] = [];
  readonly busy: Promise<void>[] = [];
  readonly #answers: PromiseWithResolvers<Unit | null>[] = [];
  readonly units = new Lookahead({
    gather: (busy) => {
      this.busy.push(busy);
      const answer = Promise.withResolvers<Unit | null>();
      this.#answers.push(answer);
      return answer.promise;
    },
    onGathered: (unit) => this.gathered.push(unit),
  });

  /** Answers the call in hand. */
  async answer(unit: Unit | null | Error): Promise<void> {
    const call = this.#answers.shift();
    assert.ok(call, 'nothing is being gathered');
    if (unit instanceof Error) call.reject(unit);
    else call.resolve(unit);
    await nextTurn();
  }

  /** Calls that wait for their answer. */
  get open(): number {
    return this.#answers.length;
  }
}

const unit = (): Unit => ({ deliveries: [], batches: [] });

async function isDone(promise: Promise<unknown> | undefined): Promise<boolean> {
  let done = false;
  void promise?.then(() => {
    done = true;
  });
  await nextTurn();
  return done;
}

describe('looking ahead', () => {
  test('gathers two units beside the one in hand, one after the other, in order', async () => {
    const gathering = new Gathering();
    const { units } = gathering;
    const all = [unit(), unit(), unit(), unit()] as const;
    const first = units.next();
    await gathering.answer(all[0]);
    assert.equal(await first, all[0]);
    for (const next of all.slice(1, 3)) {
      assert.equal(gathering.open, 1);
      await gathering.answer(next);
    }
    assert.equal(gathering.open, 0, 'three are in hand');
    assert.equal(await units.next(), all[1]);
    await nextTurn();
    await gathering.answer(all[3]);
    assert.equal(await units.next(), all[2]);
    assert.equal(await units.next(), all[3]);
    assert.deepEqual(gathering.gathered, all);
  });

  test('a unit is gathered knowing when the one before it is written', async () => {
    const gathering = new Gathering();
    const { units } = gathering;
    const first = units.next();
    await gathering.answer(unit());
    await first;
    await gathering.answer(unit());
    assert.deepEqual(await Promise.all(gathering.busy.map(isDone)), [true, false, false]);
    units.written();
    assert.deepEqual(await Promise.all(gathering.busy.map(isDone)), [true, true, false]);
    await units.next();
    assert.deepEqual(await Promise.all(gathering.busy.map(isDone)), [true, true, false]);
    void units.next();
    assert.deepEqual(await Promise.all(gathering.busy.map(isDone)), [true, true, true]);
  });

  test('nothing is gathered after the end, nor after a failure, which comes in its turn', async () => {
    for (const last of [null, new Error('away')]) {
      const gathering = new Gathering();
      const { units } = gathering;
      const first = units.next();
      await gathering.answer(unit());
      assert.ok(await first);
      await gathering.answer(last);
      assert.equal(gathering.open, 0);
      if (last) await assert.rejects(units.next(), last);
      else assert.equal(await units.next(), null);
    }
  });

  test('what is in hand is handed back', async () => {
    const gathering = new Gathering();
    const { units } = gathering;
    const all = [unit(), unit()] as const;
    const first = units.next();
    await gathering.answer(all[0]);
    await first;
    const leaving = units.leave();
    await gathering.answer(all[1]);
    // Stopped: what was carried along is gathered, then nothing.
    await gathering.answer(null);
    assert.deepEqual(await leaving, all);
  });
});
