/** compose.yaml cannot run on every machine; that it fits the rest of the repository can be seen on any. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { runAzud } from './support/command.ts';
import { ROOT } from './support/tidy/source.ts';

interface Service {
  readonly image: string;
  readonly command?: readonly string[];
  readonly volumes?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

const { services } = parse(readFileSync(join(ROOT, 'compose.yaml'), 'utf8'), { merge: true }) as {
  services: Readonly<Record<string, Service>>;
};
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  version: string;
  devDependencies: Readonly<Record<string, string>>;
};
const ours = Object.entries(services).filter(([, { command }]) => command?.join(' ').includes('azud start'));

describe('compose.yaml', () => {
  test('pins every image to one version', () => {
    assert.ok(Object.keys(services).length >= 7);
    for (const [name, { image }] of Object.entries(services))
      assert.match(image, /^[a-z]+:\d+\.\d+(\.\d+)?(-slim)?$/, name);
  });

  test('runs each role, with this version and the clients that it is tested with', () => {
    assert.deepEqual(ours.map(([, { environment }]) => environment?.ROLE).sort(), ['intake', 'loader', 'query']);
    const versions = { ...manifest.devDependencies, azud: manifest.version };
    for (const [name, { command = [] }] of ours) {
      const installed = [...command.join(' ').matchAll(/-p (\S+)@(\S+)/g)];
      assert.ok(installed.length >= 5, name);
      for (const [, dependency = '', version] of installed) {
        assert.equal(version, versions[dependency as keyof typeof versions], dependency);
      }
    }
  });

  test('mounts what is there', () => {
    const mounted = Object.values(services).flatMap(({ volumes = [] }) => volumes.filter((it) => it.startsWith('./')));
    assert.ok(mounted.length > 0);
    for (const volume of mounted) assert.ok(existsSync(join(ROOT, volume.split(':')[0] ?? '')), volume);
  });

  test('gives a configuration that passes azud check, and names its own services', async () => {
    const folder = join(ROOT, 'examples/compose');
    const { code, stdout } = await runAzud(['check'], { folder });
    assert.equal(code, 0, stdout);
    const config = readFileSync(join(folder, 'azud.yaml'), 'utf8');
    const hosts = [...config.matchAll(/(?:@|\/\/|servers: )([a-z]+):\d+/g)].map(([, host = '']) => host);
    assert.deepEqual([...new Set(hosts)].sort(), ['nats', 'postgres', 'redis']);
    for (const host of hosts) assert.ok(host in services, host);
  });
});
