import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { makeTlsFiles, type TlsFiles } from '../../../test/support/certificates.ts';
import { RedisServer } from '../../../test/support/redis.ts';
import { freePort } from '../../../test/support/system.ts';
import { isAzudError } from '../../error/azud-error.ts';
import { systemClock } from '../../lib/clock.ts';
import { RedisDriver } from './driver.ts';

let files: TlsFiles;
let server: RedisServer | undefined;
let port: number;

before(async () => {
  files = await makeTlsFiles();
  port = await freePort();
  const tls = ['--tls-port', String(port), '--tls-cert-file', files.certificate, '--tls-key-file', files.key];
  server = await RedisServer.start(...tls, '--tls-ca-cert-file', files.ca, '--tls-auth-clients', 'no');
});
after(async () => {
  await server?.down();
  await rm(files.folder, { recursive: true });
});

async function openDriver(url: string, authority: string | null): Promise<RedisDriver> {
  const settings = { url, password: null, ca: authority, prefix: 'azud_test:' };
  const driver = new RedisDriver(settings, { system: 'test', clock: systemClock });
  await driver.open().catch(async (error) => {
    await driver.close();
    throw error;
  });
  return driver;
}

test('a server whose certificate an authority of the setting has signed is asked by TLS', async () => {
  const driver = await openDriver(`rediss://localhost:${port}`, files.ca);
  await driver.set([{ key: 'a', bytes: Buffer.from('1'), ttlMs: 60_000 }]);
  assert.equal(String(await driver.get(['a'])), '1');
  await driver.close();
});

for (const [why, url, trusted, words] of [
  ['signed by nobody we know', () => `rediss://localhost:${port}`, false, /certificate/],
  ['of another address', () => `rediss://127.0.0.1:${port}`, true, /IP: 127\.0\.0\.1 is not in the cert's list/],
] as const) {
  test(`a certificate ${why} is not taken`, async () => {
    await assert.rejects(openDriver(url(), trusted ? files.ca : null), (error) => {
      assert.ok(isAzudError(error, 'not-connected'), String(error));
      assert.match(error.message, words);
      return true;
    });
  });
}

test('a certificate authority that cannot be read is said', async () => {
  await assert.rejects(openDriver(`rediss://localhost:${port}`, join(files.folder, 'missing.pem')), (error) => {
    assert.ok(isAzudError(error, 'invalid-config'), String(error));
    assert.match(error.message, /missing\.pem/);
    return true;
  });
});
