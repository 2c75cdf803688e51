import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Authority } from '../../../test/support/certificates.ts';
import { NatsServer } from '../../../test/support/nats.ts';
import { isAzudError } from '../../error/azud-error.ts';
import { systemClock } from '../../lib/clock.ts';
import { makeMessage } from '../conformance/messages.ts';
import { NatsDriver } from './driver.ts';

let folder: string;
let ca: string;
let server: NatsServer;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'azud-tls-'));
  const authority = await Authority.make(folder);
  ca = authority.path;
  const { certificate, key } = await authority.issue('DNS:localhost');
  const [certificatePath, keyPath] = [join(folder, 'server.pem'), join(folder, 'server.key')];
  await writeFile(certificatePath, certificate);
  await writeFile(keyPath, key);
  server = await NatsServer.start('--tls', '--tlscert', certificatePath, '--tlskey', keyPath);
});
after(async () => {
  await server?.stop();
  await rm(folder, { recursive: true });
});

function driverAt(host: string, authority: string | null): NatsDriver {
  const settings = {
    servers: `tls://${host}:${server.port}`,
    user: null,
    password: null,
    token: null,
    credentials: null,
    ca: authority,
    stream: 'tls',
    replicas: 1,
    max_bytes: null,
    duplicate_window: 120_000,
    monitor_url: null,
    sync_always: false,
    auto_declare: true,
    allow_unsafe: true,
  };
  return new NatsDriver(settings, { system: 'test', clock: systemClock });
}

test('publishes by TLS to a server whose certificate the given authority signed', async () => {
  const driver = driverAt('localhost', ca);
  await driver.open();
  const [result] = await driver.publish([makeMessage()]);
  assert.ok(result && 'position' in result);
  await driver.close();
});

test('refuses a certificate of an authority it does not know, or of another host', async () => {
  for (const driver of [driverAt('localhost', null), driverAt('127.0.0.1', ca)]) {
    await assert.rejects(driver.open(), (error) => {
      assert.ok(isAzudError(error), String(error));
      assert.match(error.message, /certificate|altnames/i);
      return true;
    });
  }
});
