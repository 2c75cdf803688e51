import type { OwnedChance } from './chance.ts';
import { FOREVER, type Plan } from './plan.ts';
import { type Outcome, run } from './run.ts';

export interface Failure {
  readonly plan: Plan;
  readonly outcome: Outcome;
}

/** The smallest plan near this one that still fails: without the troubles that are not needed, with fewer requests. */
export async function shrink(failure: Failure, owned: OwnedChance): Promise<Failure> {
  let smallest = failure;
  for (let again = true; again; ) {
    again = false;
    for (const plan of smaller(smallest.plan)) {
      const outcome = await run(plan, owned);
      if (outcome.faults.length === 0) continue;
      smallest = { plan, outcome };
      again = true;
      break;
    }
  }
  return smallest;
}

function* smaller(plan: Plan): Generator<Plan> {
  const { troubles, requests } = plan;
  for (const left of troubles) yield { ...plan, troubles: troubles.filter((trouble) => trouble !== left) };
  for (const fewer of [1, requests >> 1, requests - 1]) {
    if (fewer > 0 && fewer < requests) yield { ...plan, requests: fewer };
  }
  for (const ever of troubles.filter(({ calls }) => calls === FOREVER)) {
    yield { ...plan, troubles: troubles.map((trouble) => (trouble === ever ? { ...ever, calls: 1 } : trouble)) };
  }
}

/** The command that runs a smaller plan of a seed again. */
export function commandOf({ seed, troubles, requests }: Plan, whole: Plan): string {
  const kept = troubles.map((trouble) => {
    const at = whole.troubles.findIndex(
      ({ boot, at, kind }) => boot === trouble.boot && at === trouble.at && kind === trouble.kind,
    );
    return trouble.calls === whole.troubles[at]?.calls ? String(at) : `${at}x${trouble.calls}`;
  });
  const fewer = troubles.length < whole.troubles.length || kept.some((each) => each.includes('x'));
  const options = [
    `--seed ${seed}`,
    ...(fewer ? [`--troubles ${kept.join(',') || 'none'}`] : []),
    ...(requests < whole.requests ? [`--requests ${requests}`] : []),
  ];
  return `npm run simulate -- ${options.join(' ')}`;
}

/** The plan that `commandOf` names. */
export function restrict(plan: Plan, options: Restriction): Plan {
  const kept = options.troubles?.split(',').filter((each) => each !== 'none');
  const troubles = kept?.flatMap((each) => {
    const [at, calls] = each.split('x').map(Number);
    const trouble = plan.troubles[at ?? -1];
    return trouble ? [{ ...trouble, calls: calls ?? trouble.calls }] : [];
  });
  return { ...plan, troubles: troubles ?? plan.troubles, requests: Number(options.requests ?? plan.requests) };
}

/** As the command line gives it: `0,2x1` are the first trouble, and the third for one call only. */
export interface Restriction {
  readonly troubles?: string | undefined;
  readonly requests?: string | undefined;
}
