import assert from 'node:assert/strict';
import { registerHooks } from 'node:module';
import { test } from 'node:test';
import { isAzudError } from '../error/azud-error.ts';
import { systemClock } from '../lib/clock.ts';
import { silentLog } from '../telemetry/log.ts';
import { Metrics } from '../telemetry/metrics.ts';
import type { CacheConfig } from './config.ts';
import { createCache } from './registry.ts';

/** A machine on which the packages of the adapters are not installed. */
registerHooks({
  resolve(specifier, context, next) {
    if (specifier !== 'redis') return next(specifier, context);
    throw Object.assign(new Error(`Cannot find package '${specifier}'`), { code: 'ERR_MODULE_NOT_FOUND' });
  },
});

const context = { system: 'test', clock: systemClock, log: silentLog, metrics: new Metrics() };

test('the cache redis without its package says how to install it', async () => {
  await assert.rejects(createCache({ kind: 'redis' } as CacheConfig, context), (error) => {
    assert.ok(isAzudError(error, 'missing-package'), String(error));
    assert.equal(error.message, 'this cache needs: npm install redis');
    return true;
  });
});
