/**
 * Told to the engine's allocator before the engine is loaded: free pages are kept for 10 s. By its default they are given back to
 * the system after one, in turn by whichever thread allocates next, a read's as well, and the next unit takes them again a
 * quarter of a second later. With `allocator_background_threads` (session.ts) a thread of the allocator's own gives them back.
 */
process.env.DUCKDB_JE_MALLOC_CONF ??= 'dirty_decay_ms:10000,muzzy_decay_ms:0';
