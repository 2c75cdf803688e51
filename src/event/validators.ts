import type { Dataset } from './dataset.ts';
import { createValidator, type Validator } from './validator.ts';

/** The validators of datasets, each made when it is first asked for. */
export class Validators {
  readonly #datasets: ReadonlyMap<string, Dataset>;
  readonly #made = new Map<string, Validator>();
  #last: string | null = null;

  constructor(datasets: ReadonlyMap<string, Dataset>) {
    this.#datasets = datasets;
  }

  /** Undefined where no such dataset is declared. */
  get(name: string): Validator | undefined {
    const validator = this.#made.get(name) ?? this.#make(name);
    if (validator) this.#last = name;
    return validator;
  }

  /** A check that was stopped may have left the validator asked for last half changed: it is made anew. */
  forgetLast(): void {
    if (this.#last !== null) this.#made.delete(this.#last);
  }

  #make(name: string): Validator | undefined {
    const dataset = this.#datasets.get(name);
    if (!dataset) return undefined;
    const validator = createValidator(dataset);
    this.#made.set(name, validator);
    return validator;
  }
}
