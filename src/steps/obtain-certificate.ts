import type { CertificateInput } from '../../machines/ingress/certificate.ts';
import type { Failure } from '../../machines/reasons/reasons.ts';
import { StepError } from '../../machines/reasons/step-error.ts';
import type { AccountStore } from '../acme/account/account.ts';
import type { AuthorizationReport } from '../acme/order/authorization.ts';
import type { CertificateAuthority } from '../authority/certificate-authority.ts';
import type { IssuedCertificates } from '../certificate/issued-certificates.ts';
import { type CommonName, createCsr } from '../certificate/making/csr.ts';
import type { Vault } from '../certificate/vault.ts';
import type { ChallengeSolvers } from '../challenges/challenge-solvers.ts';
import type { Clock } from '../time/clock.ts';
import { failureOf } from './failures.ts';
import { LentSlot, type OrderSlots, untilKeyChanged } from './lent-slot.ts';
import { entryFor, exemptionOf, type JournalOptions, OrderRecord, wantedOrder } from './order-record.ts';
import { type SlowPhase, SlowPhases } from './slow-phases.ts';

export interface ObtainCertificateOptions extends JournalOptions {
  readonly ca: JournalOptions['ca'] &
    Pick<CertificateAuthority, 'order'> & { readonly account: Pick<AccountStore, 'afterKeyChange'> };
  readonly solvers: Pick<ChallengeSolvers, 'presenters' | 'cleanUp'>;
  readonly vault: Vault;
  readonly issued: IssuedCertificates;
  readonly clock: Clock;
  /** The CA has paused a name; only the Ingress's owner may see the link that unpauses it. */
  readonly onPause: (link: string, input: CertificateInput) => void;
  /** Progress of the authorization of a host of this round. */
  readonly onAuthorization?: (id: string, report: AuthorizationReport) => void;
  readonly slots: OrderSlots;
  /** The CA takes long over the order of this round, or name servers do. */
  readonly onSlow?: (id: string, finding: Failure) => void;
  /** A warning that does not fail the round. */
  readonly onNotice: (notice: string, input: CertificateInput) => void;
  readonly preferredChain: string | undefined;
  readonly commonName?: CommonName | undefined;
}

/** Creates the key and orders the certificate, or goes on with an unfinished order; returns the vault's id of both. */
export async function obtainCertificate(
  options: ObtainCertificateOptions,
  input: CertificateInput,
  signal: AbortSignal,
): Promise<string> {
  const { id, desired, predecessor } = input;
  const { ca, vault, issued, journal, clock, preferredChain } = options;
  await journal.ready(signal);
  await untilKeyChanged(ca.account, options.slots, id, signal);
  const wanted = wantedOrder(options, input);
  const earlier = entryFor(journal, wanted);
  for (const other of journal.of(wanted.namespace, wanted.secretName)) {
    if (other.id !== earlier?.id) journal.letGo(other, 'other hosts or settings are wanted now');
  }
  const keyId = earlier === undefined ? await vault.create(wanted.keyType) : vault.hold(earlier.keyPem);
  if (signal.aborted) vault.destroy(keyId);
  signal.throwIfAborted();
  issued.holdKey(id, keyId);
  const hosts = input.hosts.map(({ host }) => host);
  const csr = createCsr(hosts, vault.keyPem(keyId), options.commonName);
  const record = new OrderRecord(journal, { ...wanted, keyPem: vault.keyPem(keyId) }, earlier);
  const slow = new SlowPhases(clock, (phase) => options.onSlow?.(id, slowOrder(desired.secretName, phase)));
  const slot = new LentSlot({
    lend() {
      slow.enter('spreading');
      options.slots.lendSlot(id);
    },
    async reclaim() {
      await options.slots.reclaimSlot(id, signal);
      slow.enter('proving');
    },
  });
  const presenterOf = options.solvers.presenters(input);
  const order = ca.order(
    {
      id,
      hosts,
      presenterOf: (host) => {
        const presenter = presenterOf(host);
        return presenter && slot.around(presenter);
      },
      csr,
      profile: desired.profile,
      preferredChain,
      exemption: exemptionOf(earlier, input),
      predecessor,
      onNotice: (notice) => options.onNotice(notice, input),
      onAuthorization: (report) => options.onAuthorization?.(id, report),
      onProven: () => options.solvers.cleanUp(id),
      onPhase: (phase) => slow.enter(phase),
      onPauseLink: (link) => options.onPause(link, input),
      journaling: record,
    },
    signal,
  );
  try {
    issued.add(keyId, await order.obtain());
  } catch (error) {
    record.failed(error);
    signal.throwIfAborted();
    const failure = failureOf(error, clock.now());
    // What the CA has refused is not asked for before that ends.
    const retryAt = Math.max(failure.retryAt ?? 0, order.refusedUntil ?? 0);
    throw new StepError(
      {
        ...failure,
        ...(retryAt === 0 ? {} : { retryAt }),
        ...(order.made ? { orderMade: true as const } : {}),
      },
      { cause: error },
    );
  } finally {
    slow.end();
  }
  return keyId;
}

function slowOrder(secretName: string, phase: SlowPhase): Failure {
  if (phase === 'spreading') {
    const message = `The order for Secret ${secretName} waits until the name servers have the records of its hosts.`;
    return { code: 'DnsPending', message };
  }
  const what = phase === 'proving' ? 'has not validated the hosts yet' : 'has not issued the certificate yet';
  return {
    code: 'OrderPending',
    message: `The CA works on the order for Secret ${secretName}, and ${what}.`,
  };
}
