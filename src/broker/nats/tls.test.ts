import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { makeTlsFiles, type TlsFiles } from '../../../test/support/certificates.ts';
import { NATS_SETTINGS, NatsServer } from '../../../test/support/nats.ts';
import { isAzudError } from '../../error/azud-error.ts';
import { systemClock } from '../../lib/clock.ts';
import { makeMessage } from '../conformance/messages.ts';
import { NatsDriver } from './driver.ts';

let files: TlsFiles;
let server: NatsServer;

before(async () => {
  files = await makeTlsFiles();
  server = await NatsServer.start('--tls', '--tlscert', files.certificate, '--tlskey', files.key);
});
after(async () => {
  await server?.stop();
  await rm(files.folder, { recursive: true });
});

function driverAt(host: string, authority: string | null): NatsDriver {
  const settings = {
    ...NATS_SETTINGS,
    servers: `tls://${host}:${server.port}`,
    ca: authority,
    stream: 'tls',
  };
  return new NatsDriver(settings, { system: 'test', clock: systemClock });
}

test('publishes by TLS to a server whose certificate the given authority signed', async () => {
  const driver = driverAt('localhost', files.ca);
  await driver.open();
  const [result] = await driver.publish([makeMessage()]);
  assert.ok(result && 'position' in result);
  await driver.close();
});

test('refuses a certificate of an authority it does not know, or of another host', async () => {
  for (const driver of [driverAt('localhost', null), driverAt('127.0.0.1', files.ca)]) {
    await assert.rejects(driver.open(), (error) => {
      assert.ok(isAzudError(error), String(error));
      assert.match(error.message, /certificate|altnames/i);
      return true;
    });
  }
});
