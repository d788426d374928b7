import { isForeign } from '../../../machines/assessment/secret-facts.ts';
import type { Holder } from '../../../machines/ownership/holders/holders.ts';
import { parseSourceKey, type SourceKey } from '../../../machines/ownership/source-key.ts';
import { someOf } from '../../../machines/reasons/foreign-text.ts';
import {
  type RevocationReason,
  revocationReasons,
  signersOf,
} from '../../../machines/revocation/revocation.ts';
import { certificateId } from '../../certificate/certificate-id.ts';
import { fingerprintOf } from '../../certificate/fingerprint.ts';
import { parsePrivateKey } from '../../certificate/key.ts';
import { readLeaf } from '../../certificate/leaf.ts';
import { dnsNamesOf, issuerOf } from '../../certificate/pem.ts';
import type { KubernetesClient } from '../../kubernetes/client/client.ts';
import { unless } from '../../kubernetes/client/kubernetes-error.ts';
import { SecretStore } from '../../kubernetes/records/secret-store.ts';
import { keyFingerprintOf, type RevocationEntry } from '../../revocation/revocation-entry.ts';
import { directoryAnnotation, factsOf } from '../../secret/secret-reading.ts';
import { surveySources } from '../reading/cluster-reading.ts';
import { readOwnership } from '../reading/ownership-reading.ts';
import type { CommandSettings } from '../reading/secret-standing.ts';

/** What would be revoked, and what happens to who is served by it. */
export interface RevocationPlan {
  readonly entry: RevocationEntry;
  /** Distinguished name. */
  readonly issuer: string;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  /** ARI certificate identifier (RFC 9773 section 4.1). */
  readonly id: string | undefined;
  /** The CA's directory, as the Secret says, which its author may have changed. */
  readonly directory: string | undefined;
  /** Who is asked to sign, in this order. */
  readonly signers: readonly ('account' | 'key')[];
  /** The Ingress that gets another certificate in this Secret; `unknown`: Ingresses may not be listed. */
  readonly replacedFor: SourceKey | 'unknown' | undefined;
}

/** The certificate cannot be revoked by this kube-lego; the message has cause and remedy. */
export class NotRevocableError extends Error {
  override readonly name = 'NotRevocableError';
  readonly code = 'NotRevocableError';
}

/** The Secret does not hold the certificate that is meant. */
export class OtherCertificateError extends NotRevocableError {}

interface Wish {
  readonly namespace: string;
  readonly secretName: string;
  readonly reason: RevocationReason;
  readonly replaceFirst: boolean;
}

/**
 * Reads the Secret and judges whether its certificate may be revoked: a Secret can be written by a tenant, and may hold a certificate
 * of somebody else. What proves the right is the private key of the certificate, or the record of holders.
 *
 * @param meant serial number of the certificate, hexadecimal; undefined: whichever it is
 * @param now milliseconds since the epoch
 * @throws NotRevocableError, OtherCertificateError, or KubernetesError
 */
export async function planRevocation(
  client: KubernetesClient,
  config: CommandSettings,
  wish: Wish,
  meant: string | undefined,
  now: number,
  signal: AbortSignal,
): Promise<RevocationPlan> {
  const { namespace, secretName, reason } = wish;
  const key = `${namespace}/${secretName}`;
  const stored = await new SecretStore(client).read(namespace, secretName, signal);
  const leaf = readLeaf(stored?.certificatePem);
  if (meant !== undefined && leaf?.certificate.serialNumber !== meant) {
    throw new OtherCertificateError(otherCertificate(key, meant, leaf?.certificate.serialNumber));
  }
  if (stored === undefined) throw new NotRevocableError(`There is no Secret ${key}.`);
  if (leaf === undefined) throw new NotRevocableError(`Secret ${key} holds no readable certificate.`);
  const { certificate, notAfter, notBefore, publicKey } = leaf;
  if (!(notAfter > now)) {
    throw new NotRevocableError(
      `The certificate in Secret ${key} has expired: no client accepts it, and no CA revokes it.`,
    );
  }
  const privateKey = stored.keyPem && parsePrivateKey(stored.keyPem);
  // Written anew: what else a tenant has put into `tls.key` must not take the room of the record.
  const keyPem =
    privateKey !== undefined && certificate.checkPrivateKey(privateKey)
      ? privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
      : undefined;
  const fingerprint = fingerprintOf(certificate);
  if (keyPem === undefined) {
    const { holders } = await readOwnership(client, config, signal);
    if (!isHeld(holders, namespace, fingerprint)) throw new NotRevocableError(notProved(key, holders));
  }
  const facts = factsOf(stored);
  const owner = await unless('Forbidden', async () => {
    const { ownership } = await surveySources(client, config, namespace, now, signal);
    return { key: ownership.ownerOf(namespace, secretName) };
  });
  const isForeigner = facts.kind === 'present' && isForeign(facts);
  return {
    entry: {
      ...wish,
      fingerprint,
      keyFingerprint: keyFingerprintOf(publicKey),
      hosts: dnsNamesOf(certificate),
      serial: certificate.serialNumber,
      requestedAt: now,
      notAfter,
      state: { phase: 'requested' },
      certificatePem: certificate.toString(),
      ...(keyPem === undefined ? {} : { keyPem }),
    },
    issuer: issuerOf(certificate).replaceAll('\n', ', '),
    notBefore,
    id: certificateId(certificate),
    directory: stored.annotations[directoryAnnotation],
    signers: signersOf(reason, keyPem !== undefined),
    replacedFor: isForeigner ? undefined : owner === undefined ? 'unknown' : owner.key,
  };
}

function isHeld(
  holders: ReadonlyMap<string, Holder> | undefined,
  namespace: string,
  fingerprint: string,
): boolean {
  return (
    holders
      ?.values()
      .some((holder) => holder.namespace === namespace && holder.certificate === fingerprint) ?? false
  );
}

/** A CA can't be asked for a certificate by its serial number (RFC 8555 has no such request), and takes nothing less to revoke it. */
function otherCertificate(key: string, meant: string, found: string | undefined): string {
  const holds = found === undefined ? 'no certificate' : `the one with serial number ${found}`;
  return (
    `Secret ${key} does not hold the certificate with serial number ${meant} but ${holds}, and its revocation was not requested before. ` +
    'If you have the older one, make another Secret of it and its key in the same namespace, and name that; ' +
    'see kube-lego revoke --help.'
  );
}

function notProved(key: string, holders: ReadonlyMap<string, Holder> | undefined): string {
  const record =
    holders === undefined
      ? 'the record of what kube-lego was issued may not be read with this kubeconfig'
      : 'kube-lego has no record of having been issued it for this namespace';
  return (
    `Secret ${key} has no private key that belongs to its certificate, and ${record}: whoever may write the Secret may have put the ` +
    'certificate of somebody else there. Revoke it with the account or the key that it was issued to.'
  );
}

const signerWords = { account: 'the ACME account', key: "the certificate's own key" } as const;

/** The plan as text, for the operator to confirm. */
export function planText(plan: RevocationPlan): string {
  const { directory, entry, id, issuer, notBefore, signers } = plan;
  const { hosts, namespace, notAfter, reason, secretName, serial } = entry;
  const rows: readonly (readonly [string, string])[] = [
    ['Secret', `${namespace}/${secretName}`],
    ['Hosts', someOf(hosts)],
    ['Serial number', id === undefined ? serial : `${serial} (ARI ${id})`],
    ['Issuer', issuer],
    ['Valid', `${new Date(notBefore).toISOString()} to ${new Date(notAfter).toISOString()}`],
    ...(directory === undefined ? [] : [['Ordered from', `${directory}, as the Secret says`] as const]),
    ['Reason', `${reason} (${revocationReasons[reason]})`],
    ['Signed by', signers.map((signer) => signerWords[signer]).join(', or if that is refused by ')],
  ];
  const table = rows.map(([name, value]) => `${name.padEnd(14)} ${value}`);
  return [...table, '', whatHappens(plan)].join('\n');
}

function withKind(key: SourceKey): string {
  const { kind, namespace, name } = parseSourceKey(key);
  return `${kind} ${namespace}/${name}`;
}

function whatHappens({ entry, replacedFor }: RevocationPlan): string {
  if (replacedFor === undefined)
    return 'No Ingress or Gateway gets another certificate in this Secret: it is revoked at once.';
  const who = replacedFor === 'unknown' ? 'An Ingress or Gateway that asks for it' : withKind(replacedFor);
  if (!entry.replaceFirst) {
    return `It is revoked at once, and served until ${who} has a new certificate, with a new key.`;
  }
  return (
    `${who} gets a new certificate first, with a new key. Until that is stored the old one is served, for a day at most; ` +
    'it is revoked then.'
  );
}
