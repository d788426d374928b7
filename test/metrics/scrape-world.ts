import { OrderBudget } from '../../machines/authority/order-budget.ts';
import type { CertificateStatus } from '../../machines/ingress/certificate-record.ts';
import type { IngressState } from '../../machines/ingress/ingress-context.ts';
import { initialIngressContext } from '../../machines/ingress/ingress-updates.ts';
import type { Ledger } from '../../machines/ledger/ledger.ts';
import { type RateLimits } from '../../machines/ledger/rate-limits.ts';
import type { SourceKey } from '../../machines/ownership/source-key.ts';
import { createLedger } from '../../src/ledger/ledger-keeper.ts';
import type { IngressStanding } from '../../src/metrics/certificate-samples.ts';
import { Metrics } from '../../src/metrics/metrics.ts';
import { ProcessSamples } from '../../src/metrics/process-samples.ts';
import { leaderSamples, replicaSamples } from '../../src/metrics/sample-sources.ts';
import { assignment, hour, now } from '../machines/builders.ts';

const directory = 'https://ca.example/directory';
const policy = { checkInterval: 8 * hour, minimumValidity: 30 * 24 * hour };

/** Metrics with everything that they look at in the hands of a test. */
export class ScrapeWorld implements Disposable {
  readonly metrics = new Metrics();
  readonly rateLimits: RateLimits = {
    limits: {
      'orders-per-account': { burst: 300, period: 3 * hour },
      'certificates-per-registered-domain': { burst: 50, period: 168 * hour },
    },
    reserve: 0.2,
  };
  readonly ledger: Ledger = createLedger(this.rateLimits, directory);
  readonly ingresses: IngressStanding[] = [];
  ordersInFlight = 0;
  heldHosts: number | undefined = 3;
  /** Milliseconds that the CA's clock is ahead. */
  skew = 0;
  synced = true;
  leads = true;
  clockSkew: number | undefined = undefined;
  readonly #process = new ProcessSamples('1.2.3');
  readonly #budget = new OrderBudget(this.ledger);

  constructor() {
    this.#process.start();
  }

  text(): Promise<string> {
    return this.metrics.text({
      ...replicaSamples({
        ingressReflectors: [
          { synced: true, watching: true },
          { synced: this.synced, watching: false },
        ],
        challengeReflector: { synced: true, watching: true },
        leading: this.leads,
        ready: this.synced,
        recordTroubles: [{ record: 'journal' }],
        process: this.#process,
      }),
      ...(this.leads ? this.#ofLeader() : {}),
    });
  }

  #ofLeader() {
    return leaderSamples({
      clock: { now: () => now },
      ca: {
        clock: { now: () => now + this.skew, skew: this.clockSkew },
        ledger: this.ledger,
        rateLimits: this.rateLimits,
        budget: this.#budget,
      },
      ingresses: this.ingresses,
      dns01: { values: 4, invalidZones: 1 },
      statusesRefused: 0,
      challengeRoutesLeftOver: 3,
      hostOwnership: { held: this.heldHosts, complete: false, invalidDomains: 2 },
      ordersInFlight: this.ordersInFlight,
      ordersInFlightLimit: 50,
    });
  }

  [Symbol.dispose](): void {
    this.#process.stop();
  }
}

/**
 * An Ingress in this state since then, each of its Secrets as it is said.
 * @param servesUntil of the Secrets that are not good
 */
export function standing(
  key: SourceKey,
  value: IngressState,
  statuses: Readonly<Record<string, CertificateStatus>>,
  {
    since = now,
    attempts = 0,
    servesUntil = {},
  }: { since?: number; attempts?: number; servesUntil?: Readonly<Record<string, number>> } = {},
): IngressStanding {
  const context = initialIngressContext({
    key,
    uid: `uid-of-${key}`,
    assignment: assignment(Object.keys(statuses)),
    policy,
    at: now,
  });
  const certificates = context.certificates.map((record) => {
    const { secretName } = record.desired;
    const status = statuses[secretName] ?? record.status;
    return {
      ...record,
      status,
      servesUntil: status.kind === 'good' ? status.notAfter : servesUntil[secretName],
      failures: { ...record.failures, attempt: attempts },
    };
  });
  return { value, context: { ...context, since, certificates } };
}
