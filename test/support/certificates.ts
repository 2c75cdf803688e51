import { execFile } from 'node:child_process';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What a server needs for TLS, PEM. */
export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

/** What a server that is `localhost` by TLS is started with, as paths. */
export interface TlsFiles {
  readonly folder: string;
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/** Called in a `before`; the folder is the caller's to remove. */
export async function makeTlsFiles(): Promise<TlsFiles> {
  const folder = await mkdtemp(join(tmpdir(), 'azud-tls-'));
  const authority = await Authority.make(folder);
  const issued = await authority.issue('DNS:localhost');
  const files = {
    folder,
    ca: authority.path,
    certificate: join(folder, 'server.pem'),
    key: join(folder, 'server.key'),
  };
  await writeFile(files.certificate, issued.certificate);
  await writeFile(files.key, issued.key);
  return files;
}

/** A certificate authority of a test's own, in a folder of the test's. */
export class Authority {
  /** Its certificate: what clients trust. */
  readonly path: string;
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.path = join(folder, 'ca.pem');
  }

  static async make(folder: string): Promise<Authority> {
    const authority = new Authority(folder);
    const key = ['-newkey', 'rsa:2048', '-nodes', '-keyout', join(folder, 'ca.key')];
    await run('openssl', ['req', '-x509', '-days', '2', '-subj', '/CN=azud test', ...key, '-out', authority.path]);
    return authority;
  }

  /** `names` as openssl writes them: `DNS:localhost`, `IP:127.0.0.1`. */
  async issue(name: string): Promise<Certificate> {
    const file = (ending: string) => join(this.#folder, `${name.replace(':', '-')}.${ending}`);
    const asking = ['-newkey', 'rsa:2048', '-nodes', '-keyout', file('key'), '-out', file('csr')];
    await run('openssl', ['req', '-subj', '/CN=a server', ...asking]);
    await writeFile(file('ext'), `subjectAltName=${name}\n`);
    const signing = ['-CA', this.path, '-CAkey', join(this.#folder, 'ca.key'), '-CAcreateserial'];
    const request = ['-req', '-in', file('csr'), '-days', '2', '-extfile', file('ext'), '-out', file('pem')];
    await run('openssl', ['x509', ...request, ...signing]);
    return { certificate: await readFile(file('pem'), 'utf8'), key: await readFile(file('key'), 'utf8') };
  }
}
