/** What a metric is, and how many series it can come to. */
export interface MetricDefinition {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** One sentence for `# HELP` and docs/metrics.md. */
  readonly help: string;
  readonly labels: readonly string[];
  /** The most series there can be, for a person. */
  readonly series: string;
}

const perSecret = 'one for each Secret that an annotated Ingress of ours names';
const one = '1';

/** What is read at the moment of the scrape. Nothing of it is kept in between. */
export const sampledMetrics = {
  ingresses: {
    name: 'kube_lego_ingresses',
    type: 'gauge',
    help: 'Ingresses that are seen to, by the state of their actor.',
    labels: ['state'],
    series: '7',
  },
  certificates: {
    name: 'kube_lego_certificates',
    type: 'gauge',
    help: 'Secrets that are seen to, by what is done for their certificate. held: waits for a limit of the CA; backing-off: has failed and is tried again; needs-change: only a change of the Ingress or the Secret helps.',
    labels: ['state'],
    series: '9',
  },
  failingCertificates: {
    name: 'kube_lego_certificates_failing',
    type: 'gauge',
    help: 'Secrets whose last attempt failed, by reason (docs/troubleshooting.md).',
    labels: ['reason'],
    series: 'one for each reason in docs/troubleshooting.md, only while it occurs',
  },
  notAfter: {
    name: 'kube_lego_certificate_not_after_timestamp_seconds',
    type: 'gauge',
    help: 'End of the certificate that serves now; absent if none does, and until the Secret has been read.',
    labels: ['namespace', 'secret'],
    series: perSecret,
  },
  renewal: {
    name: 'kube_lego_certificate_renewal_timestamp_seconds',
    type: 'gauge',
    help: 'When the certificate will be renewed; absent while it is being renewed or has failed.',
    labels: ['namespace', 'secret'],
    series: perSecret,
  },
  failures: {
    name: 'kube_lego_certificate_failures',
    type: 'gauge',
    help: 'How often in a row it has failed, at least 1, until there is a good certificate; absent if it has not.',
    labels: ['namespace', 'secret'],
    series: `${perSecret}, only while it fails`,
  },
  queueLength: {
    name: 'kube_lego_queue_length',
    type: 'gauge',
    help: 'Secrets that wait for their turn. Those that wait for a limit of the CA are in kube_lego_held_orders.',
    labels: [],
    series: one,
  },
  queueAge: {
    name: 'kube_lego_queue_oldest_age_seconds',
    type: 'gauge',
    help: 'For how long the oldest in the queue has waited; 0 if the queue is empty.',
    labels: [],
    series: one,
  },
  heldOrders: {
    name: 'kube_lego_held_orders',
    type: 'gauge',
    help: 'Secrets whose order waits for a limit of the CA, or for its trouble to end, by cause.',
    labels: ['cause'],
    series: '8',
  },
  ordersInFlight: {
    name: 'kube_lego_orders_in_flight',
    type: 'gauge',
    help: 'Orders that are under way at the CA.',
    labels: [],
    series: one,
  },
  ordersInFlightLimit: {
    name: 'kube_lego_orders_in_flight_limit',
    type: 'gauge',
    help: 'How many orders may be under way at a time: LEGO_MAX_ORDERS_IN_FLIGHT.',
    labels: [],
    series: one,
  },
  lowestLevel: {
    name: 'kube_lego_rate_limit_lowest_level',
    type: 'gauge',
    help: "What the CA allows at once, in orders, certificates or failures, in the emptiest of a limit's buckets (a bucket for each registered domain, exact set of names or host).",
    labels: ['limit'],
    series: '5; none of a limit that is not known of this CA',
  },
  capacity: {
    name: 'kube_lego_rate_limit_capacity',
    type: 'gauge',
    help: 'The level of a full bucket of the limit.',
    labels: ['limit'],
    series: '5; none of a limit that is not known of this CA',
  },
  exhaustedBuckets: {
    name: 'kube_lego_rate_limit_exhausted_buckets',
    type: 'gauge',
    help: 'Buckets of the limit in which there is no room for one more, not even for a renewal.',
    labels: ['limit'],
    series: '5; none of a limit that is not known of this CA',
  },
  blockedScopes: {
    name: 'kube_lego_blocked_scopes',
    type: 'gauge',
    help: 'Refusals of the CA that are in force, by the limit it named; blocked: by none, paused: a name is paused.',
    labels: ['cause'],
    series: '7',
  },
  accountBlocked: {
    name: 'kube_lego_account_blocked',
    type: 'gauge',
    help: '1 while the CA refuses every order of the account that no exemption covers.',
    labels: [],
    series: one,
  },
  caPaused: {
    name: 'kube_lego_ca_paused',
    type: 'gauge',
    help: '1 while new orders wait because the CA is busy, out of order or out of reach.',
    labels: [],
    series: one,
  },
  clockSkew: {
    name: 'kube_lego_ca_clock_skew_seconds',
    type: 'gauge',
    help: "How far the CA's clock is ahead of the one here; absent before its first answer.",
    labels: [],
    series: one,
  },
  synced: {
    name: 'kube_lego_reflector_synced',
    type: 'gauge',
    help: '1 once all objects of the kind have been listed, in every namespace that is to be watched.',
    labels: ['resource'],
    series: '2',
  },
  watching: {
    name: 'kube_lego_reflector_watching',
    type: 'gauge',
    help: '1 while the watch is open, so that changes are seen at once.',
    labels: ['resource'],
    series: '2',
  },
  ready: {
    name: 'kube_lego_ready',
    type: 'gauge',
    help: '1 if this replica can answer challenges, as /readyz says.',
    labels: [],
    series: one,
  },
  leader: {
    name: 'kube_lego_leader',
    type: 'gauge',
    help: '1 on the replica that does the work.',
    labels: [],
    series: one,
  },
  eventLoopLag: {
    name: 'kube_lego_event_loop_lag_seconds',
    type: 'gauge',
    help: 'The longest time for which everything had to wait since the scrape before (looked at every 0.1 s).',
    labels: [],
    series: one,
  },
  eventLoopActive: {
    name: 'kube_lego_event_loop_active_seconds_total',
    type: 'counter',
    help: 'For how long the event loop was at work; its rate is the share of the time.',
    labels: [],
    series: one,
  },
  buildInfo: {
    name: 'kube_lego_build_info',
    type: 'gauge',
    help: 'Always 1: version of kube-lego and of Node.',
    labels: ['version', 'node'],
    series: one,
  },
  processCpu: {
    name: 'process_cpu_seconds_total',
    type: 'counter',
    help: 'CPU time of the process, user and system.',
    labels: [],
    series: one,
  },
  processMemory: {
    name: 'process_resident_memory_bytes',
    type: 'gauge',
    help: 'Memory of the process that is in RAM.',
    labels: [],
    series: one,
  },
  processStart: {
    name: 'process_start_time_seconds',
    type: 'gauge',
    help: 'When the process was started.',
    labels: [],
    series: one,
  },
} as const satisfies Record<string, MetricDefinition>;

/** What is counted as it happens, from 0 at each start of the process. */
export const countedMetrics = {
  acmeRequests: {
    name: 'kube_lego_acme_requests_total',
    type: 'counter',
    help: 'Requests to the CA, by what they are for, HTTP status (none: no answer) and type of the problem (none: no problem; unreachable, timeout, invalidResponse and aborted are ours). What is not known here counts as other.',
    labels: ['endpoint', 'status', 'problem'],
    series: '500; further ones count as other',
  },
  acmeDuration: {
    name: 'kube_lego_acme_request_duration_seconds',
    type: 'histogram',
    help: 'How long requests to the CA took, by what they are for.',
    labels: ['endpoint'],
    series: '11 endpoints with 12 series each',
  },
  apiRequests: {
    name: 'kube_lego_kubernetes_requests_total',
    type: 'counter',
    help: 'Requests to the API server, by verb and resource as in RBAC, and HTTP status (none: no answer).',
    labels: ['verb', 'resource', 'status'],
    series: '500; further ones count as other',
  },
  ordersMade: {
    name: 'kube_lego_orders_made_total',
    type: 'counter',
    help: 'Orders that the CA has made.',
    labels: [],
    series: one,
  },
  ordersRefused: {
    name: 'kube_lego_orders_refused_total',
    type: 'counter',
    help: 'Orders that the CA has refused to make.',
    labels: [],
    series: one,
  },
  hostsFailed: {
    name: 'kube_lego_validations_failed_total',
    type: 'counter',
    help: 'Hosts that the CA could not prove.',
    labels: [],
    series: one,
  },
  certificatesIssued: {
    name: 'kube_lego_certificates_issued_total',
    type: 'counter',
    help: 'Certificates that the CA has issued to us.',
    labels: [],
    series: one,
  },
} as const satisfies Record<string, MetricDefinition>;

export type SampledMetric = keyof typeof sampledMetrics;

/** Seconds; requests to a CA take from tens of milliseconds to their limit of half a minute. */
export const durationBuckets = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
