/** Where things lie in the memory of the plain scan, in bytes. The same numbers stand in assembly.ts; a test compares. */
export const LAYOUT = {
  /** What was found in the last event: three arrays with an element for each column. */
  KINDS: 1024,
  STARTS: 2048,
  ENDS: 4096,
  /** The table of the dataset: how many columns, how many of them required, the one expected first, and the columns. */
  COUNT: 8192,
  REQUIRED: 8196,
  FIRST: 8200,
  COLUMNS: 8208,
  BODY: 131072,
  /** Of a column, from its beginning. */
  COLUMN_BYTES: 160,
  NEXT: 0,
  INDEX: 4,
  ACCEPTED: 8,
  IS_REQUIRED: 12,
  RULES: 16,
  LENGTH_MIN: 20,
  LENGTH_MAX: 24,
  OPTIONS: 28,
  MIN: 32,
  MAX: 40,
  ABOVE: 48,
  BELOW: 56,
  KEY_LENGTH: 64,
  KEY: 80,
  /** Before an option of an enumeration. */
  OPTION: 16,
} as const;

export const RULE = { LENGTH: 1, ASCII: 2, DATE: 4, TIME: 8, OPTIONS: 16, BOUNDS: 32 } as const;

/** As many as the three arrays have room for. */
export const COLUMNS_MAX = 512;
/** Bytes that are read at once, and so may be read behind the end of anything. */
export const VECTOR = 16;
