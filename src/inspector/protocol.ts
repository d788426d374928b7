import type { CertificatePhase } from '../../machines/ingress/certificate.ts';
import type { IngressState } from '../../machines/ingress/ingress-context.ts';
import type { LimitName } from '../../machines/ledger/rate-limits.ts';
import type { SourceKey } from '../../machines/ownership/source-key.ts';

/*
 * What the inspector says to its viewers. All times are milliseconds since the epoch by the controller's clock.
 *
 * GET /                              the page; /page/* its assets
 * GET /sources                       all at once, IngressView[] (machines/ingress/ingress-view.ts)
 * GET /sources/KIND/NAMESPACE/NAME   IngressDetail
 * GET /events                        server-sent events: `snapshot` (Snapshot), then `delta` (Delta), each with an
 *                                    opaque `id:`, and every 15 s a `heartbeat` (Heartbeat): a viewer that hears nothing for
 *                                    longer has lost the connection. Last-Event-ID, or ?after=ID, resumes where the server
 *                                    still has what followed, else a new snapshot comes.
 *   ?source=KIND/NAMESPACE/NAME      besides, the `detail` (IngressDetail) of this one, at once and after each change, or `gone`:
 *                                    over the same connection, because a browser has six to one server for all its tabs
 */

export interface Snapshot {
  readonly version: 1;
  readonly controller: ControllerView;
  readonly ingresses: readonly IngressRow[];
  readonly supervisor: SupervisorView;
}

export interface Delta {
  readonly upserts: readonly IngressRow[];
  /** What is gone. */
  readonly removed: readonly SourceKey[];
  readonly supervisor?: SupervisorView;
}

export interface Heartbeat {
  /** The controller's time, so that a viewer's clock may be set meanwhile. */
  readonly now: number;
}

export interface ControllerView {
  readonly version: string;
  readonly startedAt: number;
  readonly now: number;
  readonly pod: string;
}

/** One Ingress, as compact as a row of the list. */
export interface IngressRow {
  readonly key: SourceKey;
  readonly uid: string;
  readonly state: IngressState;
  readonly since: number;
  readonly hosts: readonly string[];
  readonly next?: { readonly action: string; readonly at?: number };
  /** The first of what is wrong. */
  readonly error?: { readonly code: string; readonly message: string };
}

/** One Secret of an Ingress, as far as its actor knows it. */
export interface CertificateRow {
  readonly secret: string;
  readonly state: 'unchecked' | 'good' | 'failed' | CertificatePhase;
  /** The end of the certificate that serves now, as far as it is known. */
  readonly notAfter?: number;
  readonly renewAt?: number;
}

export interface IngressDetail {
  readonly row: IngressRow;
  readonly certificates: readonly CertificateDetail[];
  /** The last 100, oldest first. */
  readonly timeline: readonly TimelineEntry[];
  /** The states it went through, oldest first; the last is the current one. */
  readonly path: readonly { readonly state: IngressState; readonly at: number }[];
}

export interface CertificateDetail extends CertificateRow {
  readonly hosts: readonly HostProgress[];
  /** Of the certificate that is there: what it covers, by whom, from when. */
  readonly names?: readonly string[];
  readonly issuer?: string;
  readonly notBefore?: number;
  /** The window in which the CA wants it renewed (RFC 9773). */
  readonly renewalWindow?: { readonly start: number; readonly end: number; readonly url?: string };
  readonly error?: { readonly code: string; readonly message: string };
  readonly failures: number;
  readonly nextAttemptAt?: number;
  /** What keeps it waiting. */
  readonly hold?: { readonly scope: string; readonly until: number };
}

/** The way of a host to its certificate, in this order. */
export const hostSteps = [
  'dns',
  'route',
  'self-check',
  'challenge',
  'authorization',
  'order',
  'secret',
] as const;
export type HostStep = (typeof hostSteps)[number];

export interface HostProgress {
  readonly host: string;
  readonly steps: readonly {
    readonly step: HostStep;
    /** `unknown`: could not be told, and the CA decides. */
    readonly state: 'waiting' | 'running' | 'done' | 'failed' | 'unknown';
    readonly at?: number;
    readonly detail?: string;
  }[];
}

export interface TimelineEntry {
  readonly at: number;
  readonly kind: 'transition' | 'event';
  /** In words, such as `checking → queued` or `CERTIFICATE_FINISHED shop-tls: stored`. */
  readonly text: string;
}

export interface SupervisorView {
  /** Every Ingress of the cluster has been observed. */
  readonly synced: boolean;
  readonly draining: boolean;
  /** How many certificates stand where. */
  readonly queue: {
    readonly waiting: number;
    /** By a limit of the CA or its trouble. */
    readonly held: number;
    readonly admitted: number;
    readonly awaitingSlot: number;
    readonly ordering: number;
  };
  /** What those that wait come to by the CA's limits, looked at once a minute. */
  readonly backlog?: { readonly orders: number; readonly withinDay: number; readonly lastAt: number };
  readonly permits: readonly { readonly name: string; readonly used: number; readonly limit: number }[];
  /** The first of them, and how many there are. */
  readonly blocks: readonly {
    /** In words, such as `limit of new orders`. */
    readonly cause: string;
    /** For a person, such as `registered domain example.com`. */
    readonly scope: string;
    readonly until: number;
  }[];
  readonly blockCount: number;
  /** The emptiest, the emptiest first, and how many there are; those that are full are left out. */
  readonly budgets: readonly {
    readonly limit: LimitName;
    readonly scope: string;
    readonly level: number;
    readonly capacity: number;
    /** How many of the level only renewals may use. */
    readonly reserved: number;
    readonly nextFirst: number;
    readonly nextRenewal: number;
  }[];
  readonly budgetCount: number;
  /** Renewals of the coming 90 days, by UTC day; days without any are left out. */
  readonly renewals: readonly { readonly day: number; readonly count: number }[];
}
