import { isIP } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';

/** What TLS asks of a server's certificate: an error, or undefined when it is for that server. */
export type IdentityCheck = (name: string, certificate: PeerCertificate) => Error | undefined;

/** What Node calls a server whose name it was not told. */
const UNNAMED = 'localhost';

/**
 * Holds a certificate against the hosts that were asked for. Clients that begin TLS on an open socket give it no name for
 * an address, and Node then takes any certificate for localhost, and refuses the right one.
 */
export function identityCheck(hosts: readonly string[]): IdentityCheck {
  const addresses = hosts.filter((host) => isIP(host) !== 0);
  return (name, certificate) => {
    if (name !== UNNAMED || hosts.includes(UNNAMED) || addresses.length === 0) {
      return checkServerIdentity(name, certificate);
    }
    const faults = addresses.map((address) => checkServerIdentity(address, certificate));
    return faults.includes(undefined) ? undefined : faults[0];
  };
}
