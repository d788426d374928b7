/** Definition of a metric, with its bound of series. */
export interface MetricDefinition {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** One sentence for `# HELP` and docs/metrics.md. */
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bound of series, as text. */
  readonly series: string;
}

const perSecret = 'one for each Secret of a managed source';
const one = '1';

/** Sampled at each scrape; nothing is kept in between. */
export const sampledMetrics = {
  ingresses: {
    name: 'kube_lego_ingresses',
    type: 'gauge',
    help: 'Managed sources (Ingresses, Gateways, ListenerSets), by the state of their actor. Of many that stand there at a start, each is added when its first check begins.',
    labels: ['state'],
    series: '7',
  },
  certificates: {
    name: 'kube_lego_certificates',
    type: 'gauge',
    help: 'Managed Secrets, by the state of their certificate. held: waits for a limit of the CA; backing-off: has failed and will be tried again; needs-change: only a change of the Ingress or Gateway, or of the Secret, helps.',
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
  hostsHeld: {
    name: 'kube_lego_hosts_held',
    type: 'gauge',
    help: 'Hosts of which the record says which namespace holds them (docs/host-ownership.md); absent until it has been read, and nothing is ordered before.',
    labels: [],
    series: one,
  },
  hostRecordComplete: {
    name: 'kube_lego_host_record_complete',
    type: 'gauge',
    help: '1: the record of holders is complete. 0: certificates from before it are still being taken in.',
    labels: [],
    series: one,
  },
  invalidDomains: {
    name: 'kube_lego_invalid_domains',
    type: 'gauge',
    help: 'Words in kube-lego.io/domains of Namespaces that are no domain, and reserve nothing; the log names them.',
    labels: [],
    series: one,
  },
  dnsValues: {
    name: 'kube_lego_dns_values',
    type: 'gauge',
    help: 'Values for DNS-01 that are in the DNS or may be, and will be removed; absent without DNS-01.',
    labels: [],
    series: one,
  },
  invalidDnsZones: {
    name: 'kube_lego_invalid_dns_zones',
    type: 'gauge',
    help: 'Domains in the ConfigMap of DNS zones whose entry has a mistake, so that nobody may use them; the log and kube-lego zones name it. Absent without DNS-01.',
    labels: [],
    series: one,
  },
  challengeRoutesLeftOver: {
    name: 'kube_lego_challenge_routes_left_over',
    type: 'gauge',
    help: 'Challenge HTTPRoutes and ReferenceGrants of kube-lego that nothing has needed for a minute, and that are not removed; absent without LEGO_GATEWAY_API.',
    labels: [],
    series: one,
  },
  statusesRefused: {
    name: 'kube_lego_statuses_refused',
    type: 'gauge',
    help: 'Sources whose annotation kube-lego.io/status is out of date, because its write was refused; the Event StatusNotWritten and the log say by whom.',
    labels: [],
    series: one,
  },
  notAfter: {
    name: 'kube_lego_certificate_not_after_timestamp_seconds',
    type: 'gauge',
    help: 'End of the certificate in use, also while the next one fails or waits; absent if there is none, and until the Secret has been read.',
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
    help: 'Failures in a row, at least 1, until there is a good certificate; absent if there are none, and until the Secret has been read.',
    labels: ['namespace', 'secret'],
    series: `${perSecret}, only while it fails`,
  },
  queueLength: {
    name: 'kube_lego_queue_length',
    type: 'gauge',
    help: 'Secrets in the queue. Those that wait for a limit of the CA are in kube_lego_held_orders.',
    labels: [],
    series: one,
  },
  queueAge: {
    name: 'kube_lego_queue_oldest_age_seconds',
    type: 'gauge',
    help: 'Waiting time of the oldest entry of the queue; 0 if the queue is empty.',
    labels: [],
    series: one,
  },
  heldOrders: {
    name: 'kube_lego_held_orders',
    type: 'gauge',
    help: 'Secrets whose order waits for a limit of the CA, or for the CA to recover, by cause.',
    labels: ['cause'],
    series: '10',
  },
  ordersInFlight: {
    name: 'kube_lego_orders_in_flight',
    type: 'gauge',
    help: 'Orders in flight at the CA, without those that wait for name servers (DNS-01).',
    labels: [],
    series: one,
  },
  ordersInFlightLimit: {
    name: 'kube_lego_orders_in_flight_limit',
    type: 'gauge',
    help: 'Maximum of orders in flight: LEGO_MAX_ORDERS_IN_FLIGHT.',
    labels: [],
    series: one,
  },
  lowestLevel: {
    name: 'kube_lego_rate_limit_lowest_level',
    type: 'gauge',
    help: "Tokens (orders, certificates or failures) in the emptiest of a limit's buckets (one for each registered domain, exact set of names or host).",
    labels: ['limit'],
    series: '5; none for a limit that is unknown for this CA',
  },
  capacity: {
    name: 'kube_lego_rate_limit_capacity',
    type: 'gauge',
    help: 'The level of a full bucket of the limit.',
    labels: ['limit'],
    series: '5; none for a limit that is unknown for this CA',
  },
  exhaustedBuckets: {
    name: 'kube_lego_rate_limit_exhausted_buckets',
    type: 'gauge',
    help: 'Buckets of the limit with less than one token, not even for a renewal.',
    labels: ['limit'],
    series: '5; none for a limit that is unknown for this CA',
  },
  blockedScopes: {
    name: 'kube_lego_blocked_scopes',
    type: 'gauge',
    help: 'Refusals of the CA in force, by the limit that it named; blocked: no limit named, paused: a name is paused.',
    labels: ['cause'],
    series: '7',
  },
  accountBlocked: {
    name: 'kube_lego_account_blocked',
    type: 'gauge',
    help: '1 while the CA refuses all orders of the account that are not exempt.',
    labels: [],
    series: one,
  },
  caPaused: {
    name: 'kube_lego_ca_paused',
    type: 'gauge',
    help: '1 while new orders wait because the CA is busy, failing or unreachable.',
    labels: [],
    series: one,
  },
  clockSkew: {
    name: 'kube_lego_ca_clock_skew_seconds',
    type: 'gauge',
    help: "How far the CA's clock is ahead of the local one; absent before it is known.",
    labels: [],
    series: one,
  },
  synced: {
    name: 'kube_lego_reflector_synced',
    type: 'gauge',
    help: '1 once all objects of the kind have been listed, in every watched namespace.',
    labels: ['resource'],
    series: '2',
  },
  watching: {
    name: 'kube_lego_reflector_watching',
    type: 'gauge',
    help: '1 while the watch is open.',
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
  leading: {
    name: 'kube_lego_leader',
    type: 'gauge',
    help: '1 if this process has the Lease, and acts; 0 if it follows the one that has it.',
    labels: [],
    series: one,
  },
  recordsFailing: {
    name: 'kube_lego_record_failing',
    type: 'gauge',
    help: '1 while this record of kube-lego cannot be read or written: no order is made meanwhile, and the Ingresses and Gateways say why (RecordUnavailable). That of the revocations holds up only these.',
    labels: ['record'],
    series: '7',
  },
  eventLoopLag: {
    name: 'kube_lego_event_loop_lag_seconds',
    type: 'gauge',
    help: 'Longest block of the event loop since the previous scrape (measured every 0.1 s).',
    labels: [],
    series: one,
  },
  eventLoopActive: {
    name: 'kube_lego_event_loop_active_seconds_total',
    type: 'counter',
    help: 'Active time of the event loop; its rate is the utilization.',
    labels: [],
    series: one,
  },
  buildInfo: {
    name: 'kube_lego_build_info',
    type: 'gauge',
    help: 'Always 1; the labels are the versions of kube-lego and Node.',
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
    help: 'Resident memory of the process.',
    labels: [],
    series: one,
  },
  processStart: {
    name: 'process_start_time_seconds',
    type: 'gauge',
    help: 'Start time of the process.',
    labels: [],
    series: one,
  },
} as const satisfies Record<string, MetricDefinition>;

/** Counted as it happens, from 0 at each start of the process. */
export const countedMetrics = {
  acmeRequests: {
    name: 'kube_lego_acme_requests_total',
    type: 'counter',
    help: "Requests to the CA, by endpoint, HTTP status (none: no answer) and problem type (none: no problem; unreachable, timeout, invalidResponse and aborted are kube-lego's own). Unknown values count as other.",
    labels: ['endpoint', 'status', 'problem'],
    series: '500; further ones count as other',
  },
  acmeDuration: {
    name: 'kube_lego_acme_request_duration_seconds',
    type: 'histogram',
    help: 'Duration of requests to the CA, by endpoint.',
    labels: ['endpoint'],
    series: '11 endpoints, 12 series each',
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
    help: 'Orders created at the CA.',
    labels: [],
    series: one,
  },
  ordersRefused: {
    name: 'kube_lego_orders_refused_total',
    type: 'counter',
    help: 'Orders refused by the CA.',
    labels: [],
    series: one,
  },
  hostsFailed: {
    name: 'kube_lego_validations_failed_total',
    type: 'counter',
    help: 'Hosts that the CA could not validate.',
    labels: [],
    series: one,
  },
  dnsUpdates: {
    name: 'kube_lego_dns_updates_total',
    type: 'counter',
    help: 'Requests to providers of DNS zones, by provider, operation (check, add, remove) and outcome: done, refused (by the DNS, or for lack of credentials), misplaced (a host lacks its CNAME), unreachable, or failed for another reason.',
    labels: ['provider', 'operation', 'outcome'],
    series: '60, only those that occur',
  },
  dnsPropagation: {
    name: 'kube_lego_dns_propagation_seconds',
    type: 'histogram',
    help: 'How long values take from the provider to every authoritative name server; everywhere="false": longer than LEGO_DNS_PROPAGATION_TIMEOUT.',
    labels: ['provider', 'everywhere'],
    series: '4 providers, 22 series each',
  },
  certificatesIssued: {
    name: 'kube_lego_certificates_issued_total',
    type: 'counter',
    help: 'Certificates issued by the CA.',
    labels: [],
    series: one,
  },
} as const satisfies Record<string, MetricDefinition>;

export type SampledMetric = keyof typeof sampledMetrics;

/** Seconds; external-dns may take a minute and more. */
export const propagationBuckets = [0.5, 1, 2.5, 5, 15, 30, 60, 120, 300];

/** Seconds; requests to a CA take from tens of milliseconds to the time limit of half a minute. */
export const durationBuckets = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
