import { type DestinationStream, type LevelWithSilent, pino } from 'pino';
import { stderrLines } from './lines.ts';

/** Structured log: a message in words, facts as fields. Never bodies, tokens or query values. */
export interface Log {
  debug(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
  /** The same log with fields on every line. */
  with(fields: Fields): Log;
}

export type Fields = Readonly<Record<string, unknown>>;

const FIELD_LENGTH_MAX = 1_000;

/** One JSON object a line, on stderr unless told otherwise. Control characters are escaped, long fields cut. */
export function createLog(level: LevelWithSilent, stream: DestinationStream = stderrLines()): Log {
  return wrap(pino({ level, timestamp: pino.stdTimeFunctions.isoTime, messageKey: 'message' }, stream));
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {}, with: () => silentLog };

type PinoLike = Pick<ReturnType<typeof pino>, 'debug' | 'info' | 'warn' | 'error' | 'child'>;

function wrap(logger: PinoLike): Log {
  return {
    debug: (message, fields) => logger.debug(capped(fields), message),
    info: (message, fields) => logger.info(capped(fields), message),
    warn: (message, fields) => logger.warn(capped(fields), message),
    error: (message, fields) => logger.error(capped(fields), message),
    with: (fields) => wrap(logger.child(capped(fields))),
  };
}

function capped(fields: Fields = {}): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => {
      if (value instanceof Error) return [name, value.message.slice(0, FIELD_LENGTH_MAX)];
      if (typeof value === 'string') return [name, value.slice(0, FIELD_LENGTH_MAX)];
      return [name, value];
    }),
  );
}
