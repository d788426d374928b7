// Whether kube-lego's records can be read and written: the one list from which the statuses of waiting Ingresses, the probes
// and the metric follow. The stores (src/kubernetes/records) report to it; the supervisor is told of changes.

import type { Failure } from '../reasons/reasons.ts';
import { sentences } from '../reasons/sentences.ts';

/** The records, each of one object or several. */
export const recordNames = [
  'lease',
  'ledger',
  'rehearsal-ledger',
  'journal',
  'holders',
  'account',
  'revocations',
] as const;
export type RecordName = (typeof recordNames)[number];

export type RecordOperation = 'read' | 'write';

/**
 * Why it fails. `denied`: by permissions, a policy or a webhook. `failing`: the API server answers with an error. `unreachable`: it does
 * not answer, so that no Ingress can be told either.
 */
export type RecordCause = 'denied' | 'failing' | 'unreachable';

/** A record that cannot be read or written; the store tries again until it can. */
export interface RecordTrouble {
  readonly record: RecordName;
  readonly operation: RecordOperation;
  /** Kind and NAMESPACE/NAME: another object of the same record may do. */
  readonly object: string;
  readonly cause: RecordCause;
  /** Of the first failure, in milliseconds since the epoch. */
  readonly since: number;
  /** A sentence: which object, and what the API server says. */
  readonly message: string;
  /** A sentence. */
  readonly remedy: string;
}

/** For messages. */
export const recordWords: Readonly<Record<RecordName, string>> = {
  lease: 'who leads',
  ledger: 'the rate-limit ledger',
  'rehearsal-ledger': "the staging CA's rate-limit ledger",
  journal: 'the order journal',
  holders: 'the record of holders',
  account: 'the ACME account',
  revocations: 'the requested revocations',
};

/**
 * Whether no order is begun without it: its store tries again by itself. The account is read by rounds, which tell of it and try again,
 * and revocations are in no order's way.
 */
export function holdsOrders({ record }: Pick<RecordTrouble, 'record'>): boolean {
  return record !== 'account' && record !== 'revocations';
}

/** Level-triggered: a trouble stands from the first failure until the same operation succeeds with the same object. */
export class RecordTroubles {
  readonly #onChange: (troubles: readonly RecordTrouble[]) => void;
  readonly #troubles = new Map<string, RecordTrouble>();

  /** @param onChange called with all troubles when one comes, goes, or gets another cause */
  constructor(onChange: (troubles: readonly RecordTrouble[]) => void) {
    this.#onChange = onChange;
  }

  /** The oldest first. */
  get current(): readonly RecordTrouble[] {
    return [...this.#troubles.values()];
  }

  /** @param now milliseconds since the epoch */
  failed(trouble: Omit<RecordTrouble, 'since'>, now: number): void {
    const key = keyOf(trouble);
    const known = this.#troubles.get(key);
    // The text may differ between tries, and would cause an Event and a write for each waiter.
    if (known?.cause === trouble.cause) return;
    this.#troubles.set(key, { ...trouble, since: known?.since ?? now });
    this.#onChange(this.current);
  }

  succeeded(of: Pick<RecordTrouble, 'record' | 'operation' | 'object'>): void {
    if (this.#troubles.delete(keyOf(of))) this.#onChange(this.current);
  }
}

/** The finding of an Ingress that waits for the record. */
export function describeTrouble({ message, remedy }: Pick<RecordTrouble, 'message' | 'remedy'>): Failure {
  return { code: 'RecordUnavailable', message: sentences(message, remedy), namesRemedy: true };
}

/** A line for the probes. */
export function troubleLine({ message, since }: RecordTrouble): string {
  return `since ${new Date(since).toISOString()}: ${sentences(message)}`;
}

function keyOf({
  record,
  operation,
  object,
}: Pick<RecordTrouble, 'record' | 'operation' | 'object'>): string {
  return `${record} ${operation} ${object}`;
}
