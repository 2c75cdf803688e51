/**
 * Where things lie in the memory of the plain scan, in bytes: read by TypeScript and by AssemblyScript, so nothing stands
 * here but numbers.
 */

/** What was found in the last event: three arrays with an element for each column. */
export const KINDS = 1024;
export const STARTS = 2048;
export const ENDS = 4096;
/** As many columns as those have room for. */
export const COLUMNS_MAX = 512;

/** Keys that are no columns, of the event and of the objects in it: where each begins, and its length. */
export const OTHER_KEYS = 6144;
export const OTHER_KEYS_MAX = 128;

/** The table of the dataset: how many columns, how many are required, the one expected first, are others taken. */
export const TABLE = 8192;
export const COUNT = 8192;
export const REQUIRED = 8196;
export const FIRST = 8200;
export const EXTRAS_TAKEN = 8204;

/** The columns behind it, and what each has from its beginning. Its key stands in quotes, with the colon. */
export const COLUMNS = 8208;
export const COLUMN_BYTES = 160;
export const NEXT = 0;
export const INDEX = 4;
export const ACCEPTED = 8;
export const IS_REQUIRED = 12;
export const RULES = 16;
export const LENGTH_MIN = 20;
export const LENGTH_MAX = 24;
export const OPTIONS = 28;
export const MIN = 32;
export const MAX = 40;
export const ABOVE = 48;
export const BELOW = 56;
export const KEY_LENGTH = 64;
export const KEY = 80;

/** The options of enumerations behind those: how many, then each with its length before it. */
export const OPTION = 16;

/** The body, with zeros behind it. */
export const BODY = 131072;
/** Bytes that are read at once, and so may be read behind the end of anything. */
export const VECTOR = 16;

/** What `RULES` asks of strings and numbers, as bits. */
export const RULE_LENGTH = 1;
export const RULE_ASCII = 2;
export const RULE_DATE = 4;
export const RULE_TIME = 8;
export const RULE_OPTIONS = 16;
export const RULE_BOUNDS = 32;

/** The bits of KIND, the last two four places lower, so that a position and a kind fit in one number. */
export const STRING = 1;
export const ESCAPED = 2;
export const INTEGER = 4;
export const FLOAT = 8;
export const OBJECT_LOW = 16;
export const ARRAY_LOW = 32;
export const BOOLEAN = 64;
export const NULL = 128;

/** Set in the answer of a scan beside the position: the event has keys that are not declared. */
export const HAS_EXTRAS = 0x40000000;
export const POSITION_MASK = 0xffffff;
