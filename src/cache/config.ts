import { choice, type ValueOf } from '../lib/setting.ts';
import { MEMORY_SETTINGS } from './memory/config.ts';
import { REDIS_SETTINGS } from './redis/config.ts';

/** Every kind of cache with its settings. A new cache adds one line here and one in registry.ts. */
export const CACHE_SETTINGS = choice(
  { memory: MEMORY_SETTINGS, redis: REDIS_SETTINGS },
  { description: 'Where answers of endpoints are kept for a while. It is never relied on.', default: 'memory' },
);

export type CacheConfig = ValueOf<typeof CACHE_SETTINGS>;
