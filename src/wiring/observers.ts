import { HostJournal } from '../inspector/history/host-journal.ts';
import { HostProgressWriter } from '../inspector/history/host-progress.ts';
import { Metrics } from '../metrics/metrics.ts';
import type { Clock } from '../time/clock.ts';
import type { PreparationObserver } from './challenges.ts';
import type { IssuanceObserver } from './term/actors.ts';

/** The live data of the metrics and the page. */
export interface Observers {
  readonly metrics: Metrics;
  readonly journal: HostJournal;
  readonly issuance: IssuanceObserver & PreparationObserver;
}

export function setUpObservers(clock: Clock): Observers {
  const metrics = new Metrics();
  const journal = new HostJournal(() => clock.now());
  const progress = new HostProgressWriter(journal);
  return {
    metrics,
    journal,
    issuance: {
      provisioning: (input, work) => progress.provisioning(input, work),
      obtaining: (input, work) => progress.obtaining(input, work),
      storing: (input, work) => progress.storing(input, work),
      dns: (report) => metrics.dnsReport(report),
      preparation: (round, report) => progress.preparation(round, report),
      order(report) {
        metrics.orderReport(report);
        progress.order(report);
      },
      authorization: (round, report) => progress.authorization(round, report),
      roundEnded: (round) => journal.end(round),
      sourceGone: (source) => journal.forget(source),
    },
  };
}
