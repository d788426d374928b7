import { isWithin } from '../../machines/assessment/renewal.ts';
import type { OrderReport } from '../../machines/ca/order-report.ts';
import type { CertificateInput } from '../../machines/ingress/certificate.ts';
import { describeHold } from '../../machines/ingress/hold.ts';
import type { Hold } from '../../machines/ledger/ledger.ts';
import type { OrderRequest } from '../../machines/ledger/order-limits.ts';
import type { KeyType } from '../../machines/ownership/desired-certificate.ts';
import { StepError } from '../../machines/reasons/step-error.ts';
import type { Account, AccountStore } from '../acme/account/account.ts';
import type { AuthorizationReport } from '../acme/order/authorization.ts';
import { type ObtainedCertificate, type OrderPhase, placeOrder } from '../acme/order/order.ts';
import { OrderError } from '../acme/transport/order-error.ts';
import { AcmeProblem } from '../acme/transport/problem.ts';
import type { AcmeTransport } from '../acme/transport/transport.ts';
import { createCsr } from '../certificate/csr.ts';
import type { IssuedCertificates } from '../certificate/issued-certificates.ts';
import type { Vault } from '../certificate/vault.ts';
import type { ChallengeSolvers } from '../challenges/challenge-solvers.ts';
import type { LedgerKeeper } from '../ledger/ledger-keeper.ts';
import { OrderGates, type OrderGatesOptions } from '../ledger/order-gates.ts';
import { OrderReports } from '../ledger/order-reports.ts';
import type { Clock } from '../time/clock.ts';
import { failureOf } from './failures.ts';

export interface ObtainCertificateOptions extends OrderGatesOptions {
  readonly account: AccountStore;
  readonly transport: AcmeTransport;
  readonly solvers: Pick<ChallengeSolvers, 'presenters'>;
  readonly vault: Vault;
  readonly issued: IssuedCertificates;
  readonly clock: Clock;
  readonly ledger: OrderGatesOptions['ledger'] & Pick<LedgerKeeper, 'changed' | 'refused'>;
  /** The CA is to count an order after all; what keeps it from being made then. */
  readonly countAs: (id: string, exemption: OrderRequest['exemption']) => Hold | undefined;
  /** The CA has paused a name; the link that lifts it is for the eyes of the Ingress's owner only. */
  readonly onPause: (link: string, input: CertificateInput) => void;
  readonly onOrderReport: (report: OrderReport) => void;
  /** How the CA's authorization of a host of this round goes on. */
  readonly onAuthorization?: (id: string, report: AuthorizationReport) => void;
  /** Something that a person should know although it stands in the way of nothing. */
  readonly onNotice: (notice: string, input: CertificateInput) => void;
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
  const { account, transport, vault, issued, clock, ledger, preferredChain } = options;
  const keyId = await vault.create(desired.keyType ?? options.keyType);
  if (signal.aborted) vault.destroy(keyId);
  signal.throwIfAborted();
  issued.holdKey(id, keyId);
  const names = hosts.map(({ host }) => host);
  const csr = await createCsr(names, vault.keyPem(keyId));
  const profile = desired.profile ?? options.profile;
  const reports = new OrderReports(id, names, options.onOrderReport);
  const gates = new OrderGates(options, names, signal);
  let replacing = false;
  let { exemption } = input;
  const onPhase = async (phase: OrderPhase): Promise<void> => {
    const isFreeNow = replacing && isFree(input, transport.caNow());
    if (phase === 'ordering' && exemption === 'ari' && !isFreeNow) {
      exemption = input.predecessor?.otherwise ?? 'none';
      const hold = options.countAs(id, exemption);
      if (hold !== undefined) throw new StepError(describeHold(hold));
    }
    await gates.pass(phase, exemption);
    reports.enters(phase);
  };
  const onNotice = (notice: string): void => options.onNotice(notice, input);
  const onOrderMade = (): void => reports.made();
  const onAuthorization = (report: AuthorizationReport): void => options.onAuthorization?.(id, report);
  const notify = { onNotice, onPhase, onOrderMade, onAuthorization };
  const presenterOf = options.solvers.presenters(input);
  const order = {
    transport,
    clock,
    signal,
    hosts: names,
    presenterOf,
    csr,
    profile,
    preferredChain,
    ...notify,
  };
  /** Says what it replaces, and where the CA does not like that, once more without. */
  const place = async (account: Account): Promise<ObtainedCertificate> => {
    const { renewalInfo } = await transport.directory(account.directoryUrl, signal);
    const replaces = renewalInfo === undefined ? undefined : input.predecessor?.id;
    replacing = replaces !== undefined;
    try {
      return await placeOrder({ account, ...order, replaces });
    } catch (error) {
      if (!replacing || !isRefusedReplacement(error)) throw error;
      replacing = false;
      return await placeOrder({ account, ...order });
    }
  };
  let chainPem: string;
  try {
    ({ chainPem } = await account.withAccount(signal, place));
  } catch (error) {
    if (!signal.aborted && reports.failed(error)) ledger.refused();
    const link = error instanceof OrderError ? error.unpauseUrl : undefined;
    if (link !== undefined) options.onPause(link, input);
    if (!reports.orderMade) throw error;
    throw new StepError({ ...failureOf(error, clock.now()), orderMade: true }, { cause: error });
  } finally {
    gates.end();
    ledger.changed();
  }
  issued.add(keyId, chainPem);
  return keyId;
}

/** Whether the CA counts the order for no limit, being a replacement within the window that it suggested. */
function isFree({ predecessor }: CertificateInput, caNow: number): boolean {
  return predecessor?.window !== undefined && isWithin(predecessor.window, caNow);
}

/** Types of problems that an order without `replaces` meets as well: limits, the account, the identifiers. */
const notOfReplacements: ReadonlySet<string> = new Set([
  'rateLimited',
  'accountDoesNotExist',
  'badPublicKey',
  'externalAccountRequired',
  'userActionRequired',
  'caa',
  'dns',
  'rejectedIdentifier',
  'unsupportedIdentifier',
]);

/** Whether the order may have been refused for what it replaces: no CA names one type of problem for that. */
function isRefusedReplacement(error: unknown): boolean {
  return (
    error instanceof OrderError &&
    error.kind === 'refused' &&
    !error.transient &&
    error.cause instanceof AcmeProblem &&
    error.cause.endpoint === 'new-order' &&
    !notOfReplacements.has(error.cause.type)
  );
}
