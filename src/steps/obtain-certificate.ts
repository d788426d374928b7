import type { CertificateInput } from '../../machines/ingress/certificate.ts';
import type { KeyType } from '../../machines/ownership/desired-certificate.ts';
import { StepError } from '../../machines/reasons/step-error.ts';
import type { AuthorizationReport } from '../acme/order/authorization.ts';
import type { CertificateAuthority } from '../authority/certificate-authority.ts';
import { type CommonName, createCsr } from '../certificate/csr.ts';
import type { IssuedCertificates } from '../certificate/issued-certificates.ts';
import type { Vault } from '../certificate/vault.ts';
import type { ChallengeSolvers } from '../challenges/challenge-solvers.ts';
import type { Clock } from '../time/clock.ts';
import { failureOf } from './failures.ts';

export interface ObtainCertificateOptions {
  readonly ca: Pick<CertificateAuthority, 'order'>;
  readonly solvers: Pick<ChallengeSolvers, 'presenters'>;
  readonly vault: Vault;
  readonly issued: IssuedCertificates;
  readonly clock: Clock;
  /** The CA has paused a name; only the Ingress's owner may see the link that unpauses it. */
  readonly onPause: (link: string, input: CertificateInput) => void;
  /** Progress of the authorization of a host of this round. */
  readonly onAuthorization?: (id: string, report: AuthorizationReport) => void;
  /** A warning that does not fail the round. */
  readonly onNotice: (notice: string, input: CertificateInput) => void;
  /** Default for Ingresses without one. */
  readonly keyType: KeyType;
  readonly preferredChain: string | undefined;
  readonly commonName?: CommonName | undefined;
}

/** Creates the key and orders the certificate; returns the vault's id of both. */
export async function obtainCertificate(
  options: ObtainCertificateOptions,
  input: CertificateInput,
  signal: AbortSignal,
): Promise<string> {
  const { id, desired, exemption, predecessor } = input;
  const { ca, vault, issued, clock, preferredChain } = options;
  const keyId = await vault.create(desired.keyType ?? options.keyType);
  if (signal.aborted) vault.destroy(keyId);
  signal.throwIfAborted();
  issued.holdKey(id, keyId);
  const hosts = input.hosts.map(({ host }) => host);
  const csr = await createCsr(hosts, vault.keyPem(keyId), options.commonName);
  const order = ca.order(
    {
      id,
      hosts,
      presenterOf: options.solvers.presenters(input),
      csr,
      profile: desired.profile,
      preferredChain,
      exemption,
      predecessor,
      onNotice: (notice) => options.onNotice(notice, input),
      onAuthorization: (report) => options.onAuthorization?.(id, report),
      onPauseLink: (link) => options.onPause(link, input),
    },
    signal,
  );
  try {
    issued.add(keyId, await order.obtain());
  } catch (error) {
    if (!order.made) throw error;
    throw new StepError({ ...failureOf(error, clock.now()), orderMade: true }, { cause: error });
  }
  return keyId;
}
