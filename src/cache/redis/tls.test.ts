import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Authority } from '../../../test/support/certificates.ts';
import { RedisServer } from '../../../test/support/redis.ts';
import { freePort } from '../../../test/support/system.ts';
import { isAzudError } from '../../error/azud-error.ts';
import { systemClock } from '../../lib/clock.ts';
import { RedisDriver } from './driver.ts';

let folder: string;
let ca: string;
let server: RedisServer | undefined;
let port: number;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'azud-tls-'));
  const authority = await Authority.make(folder);
  ca = authority.path;
  const { certificate, key } = await authority.issue('DNS:localhost');
  const [certificatePath, keyPath] = [join(folder, 'server.pem'), join(folder, 'server.key')];
  await writeFile(certificatePath, certificate);
  await writeFile(keyPath, key);
  port = await freePort();
  const tls = ['--tls-port', String(port), '--tls-cert-file', certificatePath, '--tls-key-file', keyPath];
  server = await RedisServer.start(...tls, '--tls-ca-cert-file', ca, '--tls-auth-clients', 'no');
});
after(async () => {
  await server?.down();
  await rm(folder, { recursive: true });
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
  const driver = await openDriver(`rediss://localhost:${port}`, ca);
  await driver.set([{ key: 'a', bytes: Buffer.from('1'), ttlMs: 60_000 }]);
  assert.equal(String(await driver.get(['a'])), '1');
  await driver.close();
});

for (const [why, url, trusted, words] of [
  ['signed by nobody we know', () => `rediss://localhost:${port}`, false, /certificate/],
  ['of another address', () => `rediss://127.0.0.1:${port}`, true, /IP: 127\.0\.0\.1 is not in the cert's list/],
] as const) {
  test(`a certificate ${why} is not taken`, async () => {
    await assert.rejects(openDriver(url(), trusted ? ca : null), (error) => {
      assert.ok(isAzudError(error, 'not-connected'), String(error));
      assert.match(error.message, words);
      return true;
    });
  });
}

test('a certificate authority that cannot be read is said', async () => {
  await assert.rejects(openDriver(`rediss://localhost:${port}`, join(folder, 'missing.pem')), (error) => {
    assert.ok(isAzudError(error, 'invalid-config'), String(error));
    assert.match(error.message, /missing\.pem/);
    return true;
  });
});
