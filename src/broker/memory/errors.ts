import { AzudError } from '../../error/azud-error.ts';

export function closed(): AzudError {
  return new AzudError('not-connected', 'the memory broker is closed');
}

export function tooLarge(bytes: number, bytesMax: number): AzudError {
  return new AzudError('too-large', `a message of ${bytes} bytes is over the limit of ${bytesMax} bytes`);
}

export function streamUnknown(stream: string): AzudError {
  return new AzudError('log-behind', `the store has read the stream ${stream}, which this broker does not hold`);
}

export function positionUnknown(offset: number, end: number): AzudError {
  return new AzudError('log-behind', `the store has come to ${offset}, but this broker ends at ${end}`);
}
