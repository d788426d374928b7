import type { CertificatePhase } from '../../machines/ingress/certificate.ts';
import type { IngressState } from '../../machines/ingress/ingress-context.ts';
import type { LimitName } from '../../machines/ledger/rate-limits.ts';
import type { HostOwner } from '../../machines/ownership/hosts/host-owner.ts';
import type { SourceKey } from '../../machines/ownership/source-key.ts';

/*
 * The protocol between the inspector and its viewers. All times are milliseconds since the epoch by the controller's clock.
 *
 * GET /                              the page; /page/* its assets
 * GET /sources                       all at once, IngressView[] (machines/ingress/ingress-view.ts)
 * GET /sources/KIND/NAMESPACE/NAME   IngressDetail
 * GET /events                        server-sent events: `snapshot` (Snapshot), then `delta` (Delta), each with an
 *                                    opaque `id:`, and every 15 s a `heartbeat` (Heartbeat): after a longer silence the
 *                                    connection is lost. Last-Event-ID, or ?after=ID, resumes if the server still has the
 *                                    frames since, else a new snapshot is sent.
 *   ?source=KIND/NAMESPACE/NAME      besides, the `detail` (IngressDetail) of this one, at once and after each change, or `gone`:
 *                                    over the same connection, because a browser has six to one server for all its tabs
 *
 * A replica that follows answers all but / and /page/* with 503 and FollowerView, and /events with the one event `following`.
 */

export interface FollowerView {
  readonly following: true;
  readonly pod: string;
  /** Why it follows; a clause. */
  readonly why: string;
  /** The pod that leads, if known. */
  readonly leader?: string;
  /** Gets to the leader's page. */
  readonly command?: string;
}

export interface Snapshot {
  readonly version: 1;
  readonly controller: ControllerView;
  readonly ingresses: readonly IngressRow[];
  readonly supervisor: SupervisorView;
}

export interface Delta {
  readonly upserts: readonly IngressRow[];
  /** Deleted ones. */
  readonly removed: readonly SourceKey[];
  readonly supervisor?: SupervisorView;
}

export interface Heartbeat {
  /** The controller's time, independent of the viewer's clock. */
  readonly now: number;
}

export interface ControllerView {
  readonly version: string;
  readonly startedAt: number;
  readonly now: number;
  readonly pod: string;
  /** By which a source requests certificates. */
  readonly annotation: string;
}

/** One Ingress, as compact as a row of the list. */
export interface IngressRow {
  readonly key: SourceKey;
  readonly uid: string;
  readonly state: IngressState;
  readonly since: number;
  readonly hosts: readonly string[];
  readonly next?: { readonly action: string; readonly at?: number };
  /** The first error. */
  readonly error?: { readonly code: string; readonly message: string };
}

/** One Secret of an Ingress, as known by its actor. */
export interface CertificateRow {
  readonly secret: string;
  readonly state: 'unchecked' | 'good' | 'failed' | CertificatePhase;
  /** End of the current certificate, if known. */
  readonly notAfter?: number;
  readonly renewAt?: number;
}

export interface IngressDetail {
  readonly row: IngressRow;
  readonly certificates: readonly CertificateDetail[];
  /** The last 100, oldest first. */
  readonly timeline: readonly TimelineEntry[];
  /** Its states, oldest first; the last is the current one. */
  readonly path: readonly { readonly state: IngressState; readonly at: number }[];
}

export interface CertificateDetail extends CertificateRow {
  readonly hosts: readonly HostProgress[];
  /** Of the current certificate: hosts, issuer, begin. */
  readonly names?: readonly string[];
  readonly issuer?: string;
  readonly notBefore?: number;
  /** The CA's suggested window (RFC 9773). */
  readonly renewalWindow?: { readonly start: number; readonly end: number; readonly url?: string };
  readonly error?: { readonly code: string; readonly message: string };
  readonly failures: number;
  readonly nextAttemptAt?: number;
  /** Hosts that belong to others. */
  readonly elsewhere?: readonly HostElsewhere[];
  /** What it waits for. */
  readonly hold?: { readonly scope: string; readonly until: number };
}

export interface HostElsewhere {
  readonly host: string;
  readonly by: HostOwner['by'];
  readonly namespace?: string;
  /** The end of the grace period, in milliseconds since the epoch. */
  readonly until?: number;
}

/** The steps of a host to its certificate, in order. */
const hostSteps = [
  'dns',
  'route',
  'self-check',
  'record',
  'challenge',
  'authorization',
  'order',
  'secret',
] as const;
export type HostStep = (typeof hostSteps)[number];

/** Those that a host has, by its type of challenge. */
export function stepsOf(challenge: 'http-01' | 'dns-01'): readonly HostStep[] {
  const others: readonly HostStep[] = challenge === 'dns-01' ? ['route', 'self-check'] : ['record'];
  return hostSteps.filter((step) => !others.includes(step));
}

export interface HostProgress {
  readonly host: string;
  readonly steps: readonly {
    readonly step: HostStep;
    /** `unknown`: inconclusive, the CA decides. */
    readonly state: 'waiting' | 'running' | 'done' | 'failed' | 'unknown';
    readonly at?: number;
    readonly detail?: string;
  }[];
}

export interface TimelineEntry {
  readonly at: number;
  readonly kind: 'transition' | 'event';
  /** Such as `checking → queued` or `CERTIFICATE_FINISHED shop-tls: stored`. */
  readonly text: string;
}

export interface SupervisorView {
  /** Whether all Ingresses of the cluster have been listed. */
  readonly synced: boolean;
  readonly draining: boolean;
  /** Number of certificates by stage. */
  readonly queue: {
    readonly waiting: number;
    /** By a limit or an outage of the CA. */
    readonly held: number;
    readonly admitted: number;
    readonly awaitingSlot: number;
    /** Their records spread in the DNS. */
    readonly lent: number;
    readonly ordering: number;
  };
  /** Forecast for the waiting orders by the CA's limits, updated once a minute. */
  readonly backlog?: { readonly orders: number; readonly withinDay: number; readonly lastAt: number };
  readonly permits: readonly { readonly name: string; readonly used: number; readonly limit: number }[];
  /** The first ones, and their total. */
  readonly blocks: readonly {
    /** Such as `limit of new orders`. */
    readonly cause: string;
    /** Such as `registered domain example.com`. */
    readonly scope: string;
    readonly until: number;
  }[];
  readonly blockCount: number;
  /** The emptiest buckets, emptiest first, and their total; full ones are omitted. */
  readonly budgets: readonly {
    readonly limit: LimitName;
    readonly scope: string;
    readonly level: number;
    readonly capacity: number;
    /** The part of the level reserved for renewals. */
    readonly reserved: number;
    readonly nextFirst: number;
    readonly nextRenewal: number;
  }[];
  readonly budgetCount: number;
  /** Renewals of the coming 90 days, by UTC day; days without any are omitted. */
  readonly renewals: readonly { readonly day: number; readonly count: number }[];
}
