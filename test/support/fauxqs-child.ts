/** Runs fauxqs on loopback until its stdin ends: `fauxqs-child.ts <port> <data folder>`. It says `ready` when it listens. */
import { type ListenOptions, Server } from 'node:net';
import { DatabaseSync } from 'node:sqlite';
import { startFauxqs } from 'fauxqs';

// fauxqs listens on every address of the machine, and has no setting for it.
const listen = Server.prototype.listen;
Server.prototype.listen = function (this: Server, options: ListenOptions, ...rest: unknown[]) {
  return Reflect.apply(listen, this, [{ ...options, host: '127.0.0.1' }, ...rest]) as Server;
} as typeof listen;

// With a data folder fauxqs 2.4.1 loses a message that is given back: it clears the receive count, which its own table forbids.
const exec = DatabaseSync.prototype.exec;
DatabaseSync.prototype.exec = function (this: DatabaseSync, sql: string) {
  exec.call(this, sql.replace('approximate_receive_count INTEGER NOT NULL', 'approximate_receive_count INTEGER'));
};

const [port, dataDir] = process.argv.slice(2);
await startFauxqs({ port: Number(port), logger: false, ...(dataDir && { dataDir }) });
process.stdin.on('end', () => process.exit(0)).resume();
process.stdout.write('ready\n');
