import fc from 'fast-check';
import { csvLaw, ndjsonLaw, splitterLaw } from './laws/bodies.ts';
import { plainScanLaw } from './laws/plain-scan.ts';
import { cursorLaw, filterLaw } from './laws/queries.ts';
import { recoveryLaw } from './laws/recovery.ts';
import { scannerLaw } from './laws/scanner.ts';

export interface Law {
  readonly name: string;
  /** How many times the plan's runs this law is tried: a log on a disk costs more than a text. */
  readonly share: number;
  readonly property: fc.IRawProperty<unknown>;
}

const LAWS: readonly Law[] = [
  { name: 'scanner', share: 1, property: scannerLaw },
  { name: 'plain-scan', share: 0.3, property: plainScanLaw() },
  { name: 'ndjson', share: 0.1, property: ndjsonLaw },
  { name: 'csv', share: 0.1, property: csvLaw },
  { name: 'splitter', share: 0.3, property: splitterLaw },
  { name: 'cursor', share: 1, property: cursorLaw },
  { name: 'filter', share: 1, property: filterLaw },
  { name: 'recovery', share: 0.02, property: recoveryLaw },
];

export const LAW_NAMES: readonly string[] = LAWS.map(({ name }) => name);

export interface UnitsPlan {
  readonly runs: number;
  readonly seed: number;
  /** One law alone. */
  readonly only?: string;
  readonly say: (line: string) => void;
}

export interface UnitReport {
  readonly name: string;
  readonly runs: number;
  /** Counterexample, seed and path in words; null when the law held. */
  readonly failure: string | null;
}

/** Tries the laws with random input. */
export async function runUnits({ runs, seed, only, say }: UnitsPlan): Promise<readonly UnitReport[]> {
  const reports: UnitReport[] = [];
  for (const { name, share, property } of LAWS.filter((law) => only === undefined || law.name === only)) {
    say(name);
    const numRuns = Math.max(1, Math.round(runs * share));
    const details = await fc.check(property, { seed, numRuns });
    reports.push({ name, runs: details.numRuns, failure: details.failed ? fc.defaultReportMessage(details) : null });
  }
  return reports;
}
