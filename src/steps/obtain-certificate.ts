import type { CertificateInput } from '../../machines/certificate.ts';
import type { KeyType } from '../../machines/desired-certificate.ts';
import type { OrderReport } from '../../machines/order-report.ts';
import type { AccountStore } from '../acme/account.ts';
import { type OrderPhase, obtainCertificate as placeOrder } from '../acme/order.ts';
import { OrderError } from '../acme/order-error.ts';
import type { AcmeTransport } from '../acme/transport.ts';
import { createCsr } from '../certificate/csr.ts';
import type { Vault } from '../certificate/vault.ts';
import type { Clock } from '../clock.ts';
import type { LedgerKeeper } from '../ledger-keeper.ts';
import { OrderReports } from '../order-reports.ts';
import type { OrderTurns } from '../order-turns.ts';
import type { IssuedCertificates } from './issued-certificates.ts';

export interface ObtainCertificateOptions {
  readonly account: AccountStore;
  readonly transport: AcmeTransport;
  readonly vault: Vault;
  readonly issued: IssuedCertificates;
  readonly clock: Clock;
  readonly ledger: Pick<LedgerKeeper, 'cover' | 'changed' | 'refused'>;
  readonly orderTurns: Pick<OrderTurns, 'take'>;
  /** The CA has paused a name; the link that lifts it is for the eyes of the Ingress's owner only. */
  readonly onPause: (link: string, input: CertificateInput) => void;
  readonly onOrderReport: (report: OrderReport) => void;
  /** For certificates whose Ingress names none. */
  readonly keyType: KeyType;
  readonly profile: string | undefined;
  readonly preferredChain: string | undefined;
}

/** Makes the key and orders the certificate; returns the vault's id under which both wait to be stored. */
export async function obtainCertificate(
  options: ObtainCertificateOptions,
  input: CertificateInput,
  signal: AbortSignal,
): Promise<string> {
  const { id, desired, hosts } = input;
  const { account, transport, vault, issued, clock, ledger, orderTurns, preferredChain } = options;
  const keyId = await vault.create(desired.keyType ?? options.keyType);
  if (signal.aborted) vault.destroy(keyId);
  signal.throwIfAborted();
  issued.holdKey(id, keyId);
  const names = hosts.map(({ host }) => host);
  const csr = await createCsr(names, vault.keyPem(keyId));
  const profile = desired.profile ?? options.profile;
  const reports = new OrderReports(id, names, options.onOrderReport);
  let endTurn: (() => void) | undefined;
  const onPhase = async (phase: OrderPhase): Promise<void> => {
    endTurn?.();
    if (phase === 'ordering') {
      await ledger.cover(signal);
      endTurn = await orderTurns.take({ identifiers: names, exemption: input.exemption }, signal);
    }
    reports.enters(phase);
  };
  const order = { transport, clock, signal, hosts: names, csr, profile, preferredChain, onPhase };
  let chainPem: string;
  try {
    ({ chainPem } = await account.withAccount(signal, (account) => placeOrder({ account, ...order })));
  } catch (error) {
    if (!signal.aborted) {
      reports.failed(error);
      ledger.refused();
    }
    const link = error instanceof OrderError ? error.unpauseUrl : undefined;
    if (link !== undefined) options.onPause(link, input);
    throw error;
  } finally {
    endTurn?.();
    ledger.changed();
  }
  issued.add(keyId, chainPem);
  return keyId;
}
