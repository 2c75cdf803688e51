import type { BrokerDriver } from '../../src/broker/driver.ts';

/** A broker's driver, and what its vendor's client does by itself against a queue or stream of the same kind. */
export interface Side {
  readonly driver: BrokerDriver;
  /** What the vendor's loop is, in words. */
  readonly of: string;
  /** Sends the payloads as the client does it best, and resolves when the server has confirmed every one. */
  vendor(payloads: readonly Buffer[]): Promise<void>;
  /** Removes what was made on the server. */
  close(): Promise<void>;
}

export interface Contender {
  readonly name: string;
  /** What is missing on this machine, in words, or null. */
  missing(): Promise<string | null>;
  open(): Promise<Side>;
}

let serial = 0;

/** A name on the server that nobody else has. */
export function ownName(): string {
  serial += 1;
  return `azud_bench_${process.pid}_${serial}`;
}
