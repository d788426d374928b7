import pLimit from 'p-limit';
import { fromPromise, type PromiseActorLogic } from 'xstate';
import { type Assessment, assess } from '../../machines/assessment/assessment.ts';
import type { AssessmentPolicy } from '../../machines/assessment/defects.ts';
import { foundProof } from '../../machines/assessment/found-certificate.ts';
import type { SecretFacts } from '../../machines/assessment/secret-facts.ts';
import type { CheckOutput } from '../../machines/ingress/ingress.ts';
import type { CheckRequest } from '../../machines/ingress/ingress-context.ts';
import type { CheckResult } from '../../machines/ingress/ingress-updates.ts';
import type { ChallengeSolvers } from '../challenges/challenge-solvers.ts';
import { hasKey, type JournalEntry } from '../journal/journal-entry.ts';
import type { SecretStore, StoredSecret } from '../kubernetes/records/secret-store.ts';
import type { HolderKeeper } from '../ownership/holder-keeper.ts';
import type { RevocationRegister } from '../revocation/revocation-register.ts';
import { factsOf } from '../secret/secret-reading.ts';
import type { Clock } from '../time/clock.ts';
import { failureOf } from './failures.ts';
import type { Keystores } from './keystores.ts';
import type { JournalOptions } from './order-record.ts';
import type { Placeholders } from './placeholders.ts';
import type { RenewalPolls } from './renewal-polls.ts';
import { proofIn } from './stored-proofs.ts';

export interface CheckSecretsOptions extends JournalOptions {
  readonly secrets: Pick<SecretStore, 'read'>;
  readonly holders: Pick<HolderKeeper, 'importing' | 'find' | 'get' | 'recover'>;
  readonly policy: AssessmentPolicy;
  /** Undefined without ARI. */
  readonly renewals?: Pick<RenewalPolls, 'check'> | undefined;
  readonly revocations: Pick<RevocationRegister, 'reasonFor' | 'isCompromised'>;
  readonly solvers: Pick<ChallengeSolvers, 'haveAppeared'>;
  readonly keystores: Pick<Keystores, 'keep'>;
  readonly placeholders: Pick<Placeholders, 'fill'>;
  readonly clock: Clock;
}

/** Without this limit a restart with thousands of Ingresses would need hundreds of megabytes. */
const readsAtOnce = 16;

/** Reads and assesses the Secrets of an Ingress. */
export function checkSecretsLogic(
  options: CheckSecretsOptions,
): PromiseActorLogic<CheckOutput, readonly CheckRequest[]> {
  const {
    secrets,
    holders,
    journal,
    keystores,
    placeholders,
    policy,
    renewals,
    revocations,
    solvers,
    clock,
    ca,
  } = options;
  const limit = pLimit(readsAtOnce);
  return fromPromise(async ({ input, signal }) => {
    const results = await Promise.all(input.map((desired) => check(desired, signal)));
    return { at: clock.now(), results };
  });

  async function check(desired: CheckRequest, signal: AbortSignal): Promise<CheckResult> {
    const { namespace, secretName } = desired;
    try {
      const read = await limit(() => secrets.read(namespace, secretName, signal));
      const stored = await placeholders.fill(desired, read, signal);
      const facts = factsOf(stored, revocations.reasonFor(stored?.certificatePem));
      if (holders.importing) {
        const proof = foundProof(desired, facts, clock.now());
        if (proof !== undefined) holders.find(proof);
      }
      const secret = renewals === undefined ? facts : await renewals.check(desired, facts, signal);
      const holderOf = (host: string) => holders.get(host);
      const assessment = assess(desired, secret, policy, holderOf, clock.now(), ca.clock.now());
      // Whatever the journal holds, a good certificate is good.
      if (assessment.kind === 'due') {
        await journal.ready(signal);
        if (assessment.reason === 'revoked') giveUpOrders(namespace, secretName, stored);
      }
      if (assessment.kind === 'good') endOrders(namespace, secretName, stored);
      const checked = {
        kind: 'assessed',
        secretName,
        assessment: await withKeystore(desired, assessment, stored, secret, signal),
      } as const;
      const awaited = desired.hosts.filter(({ host }) => desired.awaited?.includes(host));
      if (awaited.length === 0) return checked;
      return { ...checked, appeared: await solvers.haveAppeared(awaited, signal) };
    } catch (error) {
      return { kind: 'unavailable', secretName, failure: failureOf(error, clock.now()) };
    }
  }

  /** The keystore belongs to a good certificate; what is wrong with it alone is a notice. */
  async function withKeystore(
    desired: CheckRequest,
    assessment: Assessment,
    stored: StoredSecret | undefined,
    secret: SecretFacts,
    signal: AbortSignal,
  ): Promise<Assessment> {
    if (assessment.kind !== 'good' || stored === undefined || secret.kind === 'absent') return assessment;
    const { resourceVersion } = secret;
    const notice = await keystores.keep(desired, { ...stored, resourceVersion }, signal);
    return notice === undefined ? assessment : { ...assessment, notices: [...assessment.notices, notice] };
  }

  /** After a crash the order of the certificate in the Secret; any other is needed no more. */
  function endOrders(namespace: string, secretName: string, stored: StoredSecret | undefined): void {
    for (const entry of journal.of(namespace, secretName)) {
      if (hasKey(entry, stored?.keyPem)) endStored(entry, stored);
      else journal.letGo(entry, 'its Secret holds a good certificate');
    }
  }

  /** No order goes on that has made the certificate to replace, or would make one with a compromised key. */
  function giveUpOrders(namespace: string, secretName: string, stored: StoredSecret | undefined): void {
    for (const entry of journal.of(namespace, secretName)) {
      if (hasKey(entry, stored?.keyPem)) endStored(entry, stored);
      else if (revocations.isCompromised(entry.keyPem)) journal.letGo(entry, 'its key is compromised');
    }
  }

  /** Its Secret may not have been readable when the holders were. */
  function endStored(entry: JournalEntry, stored: StoredSecret | undefined): void {
    const proof = proofIn(stored, entry, clock.now());
    if (proof !== undefined) holders.recover(proof);
    journal.end(entry);
  }
}
