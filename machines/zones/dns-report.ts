import type { ProviderName } from './zone.ts';

/** What has happened in the operator's DNS zones, for the metrics. */
export type DnsReport =
  | {
      readonly type: 'DNS_UPDATED';
      readonly provider: ProviderName;
      readonly operation: 'check' | 'add' | 'remove';
      /** `refused`: for good. `misplaced`: a CNAME of the host is missing. `failed`: not by the provider. */
      readonly outcome: 'done' | 'refused' | 'misplaced' | 'unreachable' | 'failed';
    }
  | {
      readonly type: 'VALUE_SPREAD';
      readonly provider: ProviderName;
      /** False: not everywhere within the time limit. */
      readonly everywhere: boolean;
      /** Milliseconds since the provider had taken the value. */
      readonly duration: number;
    };

/** Of no provider's text. */
export type DnsOutcome = Extract<DnsReport, { type: 'DNS_UPDATED' }>['outcome'];
