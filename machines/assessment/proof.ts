import type { OrderRequest } from '../ledger/order-limits.ts';
import type { DesiredCertificate, HostRoute } from '../ownership/desired-certificate.ts';
import type { Holder } from '../ownership/holders/holders.ts';
import { type DueReason, orderPurposes } from './defects.ts';
import type { SecretFacts } from './secret-facts.ts';

/** The recorded holder of a host: what kube-lego was issued, which no tenant can write. */
export type HolderOf = (host: string) => Holder | undefined;

/**
 * Whether the certificate in the Secret is one that kube-lego was issued for this namespace, and not one that somebody who may write the
 * Secret has made.
 */
export function isIssued(
  { namespace, hosts }: Pick<DesiredCertificate, 'namespace' | 'hosts'>,
  secret: SecretFacts,
  holderOf: HolderOf,
): boolean {
  if (secret.kind === 'absent' || secret.certificate.kind !== 'readable') return false;
  const { dnsNames, fingerprint } = secret.certificate;
  // Neither list alone is enough: a host may have been certified in another Secret since, or be no longer desired.
  const names = new Set([...dnsNames, ...hosts.map(({ host }) => host)]);
  return [...names].some((host) => {
    const holder = holderOf(host);
    return holder?.namespace === namespace && holder.certificate === fingerprint;
  });
}

/**
 * The purpose of an order: only what is proved may use the reserve of the limits. That is a certificate that was issued to the namespace
 * and is now in the Secret, or one for each of the hosts that has not expired, whatever became of it.
 *
 * @param issued see `isIssued`
 * @param now milliseconds since the epoch
 */
export function purposeOf(
  reason: DueReason,
  { namespace }: Pick<DesiredCertificate, 'namespace'>,
  hosts: readonly HostRoute[],
  issued: boolean,
  holderOf: HolderOf,
  now: number,
): OrderRequest['purpose'] {
  const held = hosts.every(({ host }) => {
    const holder = holderOf(host);
    return holder?.namespace === namespace && holder.notAfter > now;
  });
  if (held && (reason === 'missing' || reason === 'empty')) return 'replacement';
  return held || issued ? orderPurposes[reason] : 'first';
}
