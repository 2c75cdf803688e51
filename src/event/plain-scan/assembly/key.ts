import { OTHER_KEYS, OTHER_KEYS_MAX } from '../layout';
import { BACKSLASH, COLON, DELETE, equal, QUOTE, SPACE, UNDERSCORE } from './byte';

/** A key with its quotes, as long as is common. */
const KEY_BYTES_MAX = 64;
const QUOTES = 2;
/** Keys of one object that are no columns, each of which is compared with the others. */
const OBJECT_KEYS_MAX = 16;
/** Such keys in one event: the strict scanner takes some more. */
const EVENT_KEYS_MAX = 1000;
/** `prototyp` as it lies in memory: below a `constructor` the language would mind it. */
const PROT = 0x746f7270;
const OTYP = 0x7079746f;
const PROTOTYPE_LENGTH = 11;

/** Keys that are held, the ones of an inner object behind those of the outer: where each begins, and its length. */
let held = 0;
let read = 0;

export function beginKeys(): void {
  held = 0;
  read = 0;
}

export function heldKeys(): i32 {
  return held;
}

/** At the end of an object: the first `count` are those of the objects around it. */
export function holdKeys(count: i32): void {
  held = count;
}

/**
 * The position behind a key that is no column and its colon, or 0. It must be such that nobody could mind: ASCII without
 * escapes, no name of Azud's or of the language, and none of the others in its object, the first of which is the one `first`.
 */
export function otherKey(at: i32, first: i32): i32 {
  if (held - first === OBJECT_KEYS_MAX || held === OTHER_KEYS_MAX || ++read > EVENT_KEYS_MAX) return 0;
  if (load<u8>(at) !== QUOTE || load<u8>(at + 1) === UNDERSCORE) return 0;
  let end = at + 1;
  while (isVisible(load<u8>(end))) end++;
  const length = end + 1 - at;
  if (length <= QUOTES || length > KEY_BYTES_MAX || load<u8>(end) !== QUOTE || load<u8>(end + 1) !== COLON) return 0;
  if (length === PROTOTYPE_LENGTH && load<i32>(at + 1) === PROT && load<i32>(at + 5) === OTYP) return 0;
  for (let i = first; i < held; i++) {
    const other = OTHER_KEYS + 8 * i;
    if (load<i32>(other, 4) === length && equal(at, load<i32>(other), length)) return 0;
  }
  store<i32>(OTHER_KEYS + 8 * held, at);
  store<i32>(OTHER_KEYS + 8 * held, length, 4);
  held += 1;
  return end + 2;
}

/** ASCII that stands for itself. */
function isVisible(byte: i32): bool {
  return byte >= SPACE && byte < DELETE && byte !== QUOTE && byte !== BACKSLASH;
}
