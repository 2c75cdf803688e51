import { AzudError } from '../../error/azud-error.ts';

/** The one thing that can go wrong here besides a bad row. */
export function notOpen(): AzudError {
  return new AzudError('not-connected', 'the memory store is not open');
}
