import { X509Certificate } from 'node:crypto';
import type { FaultWorld } from './fault-world.ts';

/** An Ingress with a certificate of its own. */
export interface Subject {
  readonly name: string;
  readonly secretName: string;
  readonly host: string;
}

export function subjectOf(number: number, prefix = 'web'): Subject {
  const name = `${prefix}-${number}`;
  return { name, secretName: `${name}-tls`, host: `${name}.example.com` };
}

/** When the certificate expires, in milliseconds since the epoch; undefined if there is none. @param pem of a chain */
export function expiryOf(pem: string): number | undefined {
  return pem === '' ? undefined : new X509Certificate(pem).validToDate.getTime();
}

/** What must not be, once each of these has its certificate, and nothing goes on any more. */
export async function faultsOf(world: FaultWorld, subjects: readonly Subject[]): Promise<string[]> {
  const faults: string[] = [];
  for (const { host, secretName } of subjects) {
    const stored = await world.stored(secretName);
    const issued = world.issued(host);
    const [last] = issued.toReversed();
    if (stored === undefined) faults.push(`${host} has no certificate`);
    else if (stored.id !== last?.id) faults.push(`${host} has another certificate than the CA's last one`);
    if (issued.length > 1) faults.push(`${host} has been issued ${issued.length} certificates`);
    const [orders, failed] = [world.ordered(host), world.failedProofs(host)];
    if (orders > 1 + failed)
      faults.push(`${host} has cost ${orders} orders, ${failed} of which could not be proven`);
  }
  const early = [
    ...world.early,
    ...world.ca.early.map(({ identifiers }) => `an order for ${identifiers[0]?.value}`),
  ];
  faults.push(...early.map((request) => `before the end of a Retry-After: ${request}`));
  const meant = new Set(subjects.flatMap(({ name, secretName }) => [`shop/${name}`, `shop/${secretName}`]));
  faults.push(...(await world.foreignFaults((key) => meant.has(key))));
  faults.push(...(await world.leftovers()).map((leftover) => `left behind: ${leftover}`));
  return faults;
}
