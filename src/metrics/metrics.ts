// The Prometheus metrics and the health endpoints: counters are reported by the wiring's observers, gauges sampled at each scrape.
// Called by the wiring.

import {
  Counter,
  Gauge,
  Histogram,
  type MetricObjectWithValues,
  type MetricValue,
  Registry,
} from '@prometheus-io/client';
import type { OrderReport } from '../../machines/authority/order-report.ts';
import type { DnsReport } from '../../machines/zones/dns-report.ts';
import type { RequestReport } from '../acme/transport/transport.ts';
import type { ApiRequestReport } from '../kubernetes/client/request-report.ts';
import { problemLabel, SeriesLimit, statusLabel } from './bounded-labels.ts';
import {
  countedMetrics,
  durationBuckets,
  type MetricDefinition,
  propagationBuckets,
  type SampledMetric,
  sampledMetrics,
} from './catalogue.ts';
import type { Samples } from './samples.ts';

/** Counters and samples in Prometheus' text format. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #sampled = new Map<SampledMetric, SampledGauge>();
  readonly #acmeRequests: Counter<'endpoint' | 'status' | 'problem'>;
  readonly #acmeDuration: Histogram<'endpoint'>;
  readonly #apiRequests: Counter<'verb' | 'resource' | 'status'>;
  readonly #acmeSeries = new SeriesLimit();
  readonly #apiSeries = new SeriesLimit();
  readonly #ordersMade: Counter;
  readonly #ordersRefused: Counter;
  readonly #hostsFailed: Counter;
  readonly #certificatesIssued: Counter;
  readonly #dnsUpdates: Counter<'provider' | 'operation' | 'outcome'>;
  readonly #dnsPropagation: Histogram<'provider' | 'everywhere'>;

  constructor() {
    const registers = [this.#registry];
    for (const [key, definition] of definitions) {
      this.#sampled.set(key, new SampledGauge(definition, registers));
    }
    const { acmeRequests, acmeDuration, apiRequests } = countedMetrics;
    this.#acmeRequests = new Counter({ ...named(acmeRequests), labelNames: acmeRequests.labels, registers });
    this.#acmeDuration = new Histogram({
      ...named(acmeDuration),
      labelNames: acmeDuration.labels,
      buckets: durationBuckets,
      registers,
    });
    this.#apiRequests = new Counter({ ...named(apiRequests), labelNames: apiRequests.labels, registers });
    const { dnsUpdates, dnsPropagation } = countedMetrics;
    this.#dnsUpdates = new Counter({ ...named(dnsUpdates), labelNames: dnsUpdates.labels, registers });
    this.#dnsPropagation = new Histogram({
      ...named(dnsPropagation),
      labelNames: dnsPropagation.labels,
      buckets: propagationBuckets,
      registers,
    });
    this.#ordersMade = new Counter({ ...named(countedMetrics.ordersMade), registers });
    this.#ordersRefused = new Counter({ ...named(countedMetrics.ordersRefused), registers });
    this.#hostsFailed = new Counter({ ...named(countedMetrics.hostsFailed), registers });
    this.#certificatesIssued = new Counter({ ...named(countedMetrics.certificatesIssued), registers });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  acmeRequest({ endpoint, status, problemType, duration }: RequestReport): void {
    const labels = { endpoint, status: statusLabel(status), problem: problemLabel(problemType) };
    this.#acmeRequests.inc(this.#acmeSeries.admit(labels));
    this.#acmeDuration.observe({ endpoint }, Math.max(duration, 0) / 1000);
  }

  apiRequest({ verb, resource, status }: ApiRequestReport): void {
    this.#apiRequests.inc(this.#apiSeries.admit({ verb, resource, status: statusLabel(status) }));
  }

  orderReport(report: OrderReport): void {
    if (report.type === 'ORDER_MADE') this.#ordersMade.inc();
    else if (report.type === 'ORDER_REFUSED') this.#ordersRefused.inc();
    else if (report.type === 'HOSTS_FAILED') this.#hostsFailed.inc(report.hosts.length);
    else if (report.type === 'CERTIFICATE_ISSUED') this.#certificatesIssued.inc();
  }

  dnsReport(report: DnsReport): void {
    const { provider } = report;
    if (report.type === 'DNS_UPDATED') {
      this.#dnsUpdates.inc({ provider, operation: report.operation, outcome: report.outcome });
      return;
    }
    const everywhere = String(report.everywhere);
    this.#dnsPropagation.observe({ provider, everywhere }, Math.max(report.duration, 0) / 1000);
  }

  /** One call at a time. */
  async text(samples: Partial<Samples>): Promise<string> {
    for (const [key, gauge] of this.#sampled) gauge.samples = samples[key] ?? [];
    try {
      return await this.#registry.metrics();
    } finally {
      for (const gauge of this.#sampled.values()) gauge.samples = [];
    }
  }
}

const definitions = Object.entries<MetricDefinition>(sampledMetrics).flatMap(([key, definition]) =>
  isSampled(key) ? [[key, definition] as const] : [],
);

/** A gauge, or a counter kept elsewhere: its value is set at each scrape. */
class SampledGauge extends Gauge<string> {
  readonly #definition: MetricDefinition;
  samples: readonly MetricValue<string>[] = [];

  constructor(definition: MetricDefinition, registers: Registry[]) {
    super({ ...named(definition), labelNames: definition.labels, registers });
    this.#definition = definition;
  }

  override async get(): Promise<MetricObjectWithValues<MetricValue<string>>> {
    const { name, help, type } = this.#definition;
    return { name, help, type, aggregator: 'first', collect: () => undefined, values: [...this.samples] };
  }
}

function named({ name, help }: MetricDefinition): { name: string; help: string } {
  return { name, help };
}

function isSampled(key: string): key is SampledMetric {
  return Object.hasOwn(sampledMetrics, key);
}
