// The supervisor's events and commands: see `decide` in supervisor.ts.

import type { BudgetChange } from '../authority/order-budget.ts';
import type { Hold } from '../ledger/hold.ts';
import type { Assignment } from '../ownership/desired-certificate.ts';
import type { Holder, NamespaceSpec } from '../ownership/holders/holders.ts';
import type { SecretOutcome } from '../ownership/secret-claims.ts';
import type { SourceKey } from '../ownership/source-key.ts';
import type { SourceSpec } from '../ownership/source-spec.ts';
import type { Failure } from '../reasons/reasons.ts';
import type { RecordTrouble } from '../records/record-troubles.ts';
import type { Zone } from '../zones/zone.ts';
import type { Round } from './round.ts';

export type SupervisorEvent =
  | { readonly type: 'SOURCE_OBSERVED'; readonly source: SourceSpec }
  | { readonly type: 'SOURCE_GONE'; readonly key: SourceKey }
  /** A Secret was created, changed or deleted, or the CA suggests another time to renew its certificate; the next check reads it. */
  | { readonly type: 'SECRET_CHANGED'; readonly namespace: string; readonly secretName: string }
  /** The initial list of all sources is complete. Ownership is decided when holders, Namespaces and classes have been read, too. */
  | { readonly type: 'SYNCED' }
  /**
   * The record of holders was read, by host; it replaces what was known. `recordExisted` is false if there was none, or one whose
   * import was not completed (see `IMPORT_COMPLETE`). A record that cannot be read is not reported.
   */
  | {
      readonly type: 'HOLDERS_READ';
      readonly holders: ReadonlyMap<string, Holder>;
      readonly recordExisted: boolean;
    }
  /** Certificates for these hosts were issued, or found while importing, and are recorded. */
  | { readonly type: 'HOSTS_PROVED'; readonly hosts: readonly string[]; readonly holder: Holder }
  /** These hosts were removed from the record. */
  | { readonly type: 'HOLDERS_PRUNED'; readonly hosts: readonly string[] }
  | { readonly type: 'NAMESPACE_OBSERVED'; readonly namespace: NamespaceSpec }
  | { readonly type: 'NAMESPACE_GONE'; readonly name: string }
  /** The initial list of all Namespaces is complete, or Namespaces may not be read and reserve nothing. */
  | { readonly type: 'NAMESPACES_READ'; readonly denied?: true }
  /** An IngressClass exists, with this `spec.controller`. */
  | { readonly type: 'CLASS_OBSERVED'; readonly name: string; readonly controller: string }
  | { readonly type: 'CLASS_GONE'; readonly name: string }
  /** The initial list of all IngressClasses is complete, or they may not be read. */
  | { readonly type: 'CLASSES_READ'; readonly denied?: true }
  /** The operator's DNS zones, all of them, with DNS-01; `closed` are the domains whose entry is invalid. */
  | { readonly type: 'ZONES_READ'; readonly zones: readonly Zone[]; readonly closed: readonly string[] }
  /** `recheckAt`: for a check before an order, at the pace of `RecheckPace`. */
  | {
      readonly type: 'WAKE_AT';
      readonly key: SourceKey;
      readonly at: number | undefined;
      readonly recheckAt?: number | undefined;
      /** Of its Secrets, as far as they are known. */
      readonly outcomes?: readonly SecretOutcome[];
    }
  | { readonly type: 'TIMER' }
  /** The clock was set forward by so many milliseconds, or back. */
  | { readonly type: 'CLOCK_SET'; readonly by: number }
  | { readonly type: 'ROUND_STARTED'; readonly round: Round }
  | { readonly type: 'SLOT_REQUESTED'; readonly id: string }
  /** The CA has nothing to do for the order of this round, until it is reclaimed. */
  | { readonly type: 'SLOT_LENT'; readonly id: string }
  | { readonly type: 'SLOT_RECLAIMED'; readonly id: string }
  | { readonly type: 'SLOT_RETURNED'; readonly id: string }
  | { readonly type: 'ROUND_ENDED'; readonly id: string }
  /** Capacity in the CA's limits was freed, or the CA answers again, or no longer. */
  | { readonly type: 'ROOM_CHANGED'; readonly change: BudgetChange }
  /** The user says that the CA no longer pauses these hosts. */
  | { readonly type: 'PAUSES_LIFTED'; readonly hosts: readonly string[] }
  /** The ledger has been restored: from now on orders may be made. */
  | { readonly type: 'LEDGER_READ' }
  /** All records that cannot be read or written now: no order is begun while there is one. */
  | { readonly type: 'RECORDS_CHANGED'; readonly troubles: readonly RecordTrouble[] }
  /** The actor of a source died of an unexpected error. */
  | { readonly type: 'ACTOR_FAILED'; readonly key: SourceKey }
  /** The process is shutting down: running orders are finished, none are started. */
  | { readonly type: 'DRAIN' };

export type SupervisorCommand =
  | {
      readonly type: 'START';
      readonly key: SourceKey;
      readonly source: SourceSpec;
      readonly assignment: Assignment;
    }
  | { readonly type: 'ASSIGN'; readonly key: SourceKey; readonly assignment: Assignment }
  | { readonly type: 'STOP'; readonly key: SourceKey }
  | { readonly type: 'WAKE'; readonly key: SourceKey }
  | { readonly type: 'MOVE_TIMES'; readonly key: SourceKey; readonly by: number }
  | { readonly type: 'ADMIT'; readonly id: string }
  | { readonly type: 'GRANT_SLOT'; readonly id: string }
  | { readonly type: 'HOLD'; readonly id: string; readonly hold: Hold }
  /** A round waits for a record that cannot be read or written; undefined: it does not any more. */
  | { readonly type: 'TELL_ROUND'; readonly id: string; readonly finding: Failure | undefined }
  /** Likewise a source whose actor cannot be started. */
  | { readonly type: 'TELL_SOURCE'; readonly source: SourceSpec; readonly finding: Failure }
  | { readonly type: 'LIFT_PAUSES'; readonly hosts: readonly string[] }
  /**
   * Every source that stood at the start without a record has been checked once: from now on a certificate that is found makes no
   * holder.
   */
  | { readonly type: 'IMPORT_COMPLETE' }
  /** The Namespace reserves domains that an older one has reserved, in vain. */
  | { readonly type: 'DOMAINS_TAKEN'; readonly namespace: string; readonly domains: readonly string[] }
  /** Sets the only timer; undefined clears it. */
  | { readonly type: 'SET_TIMER'; readonly at: number | undefined };
