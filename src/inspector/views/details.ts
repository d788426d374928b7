import type { CertificateRecord } from '../../../machines/ingress/certificate-record.ts';
import { countOfFailures, findingsOf } from '../../../machines/ingress/certificate-record.ts';
import type { IngressContext } from '../../../machines/ingress/ingress-context.ts';
import type { HostOwner } from '../../../machines/ownership/hosts/host-owner.ts';
import type { SourceKey } from '../../../machines/ownership/source-key.ts';
import { second } from '../../../machines/time/durations.ts';
import type { ObservedIngresses } from '../../actors/ingress-actors.ts';
import type { Clock } from '../../time/clock.ts';
import type { HostJournal } from '../history/host-journal.ts';
import type { Stories } from '../history/stories.ts';
import type { CertificateDetail, IngressDetail } from '../protocol.ts';
import { certificateRowOf, errorOf, rowOf } from './rows.ts';
import type { StoredCertificate } from './stored-certificate.ts';

export interface DetailsOptions {
  readonly clock: Clock;
  readonly actors: ObservedIngresses;
  readonly stories: Stories;
  readonly journal: HostJournal;
  /** Reads the Secret; undefined if there is none, or it has no certificate. */
  readonly readCertificate: (
    namespace: string,
    secretName: string,
    signal: AbortSignal,
  ) => Promise<StoredCertificate | undefined>;
  /** Whom a host belongs to. */
  readonly hostOwner: (host: string) => HostOwner;
  /** The detail of this Ingress has changed. */
  readonly onChange: (key: SourceKey) => void;
}

/** Milliseconds. */
const readLimit = 5 * second;
const retryInterval = 10 * second;
const mostElsewhere = 20;

/** The cached content of a Secret. */
interface Reading {
  /** The state of the Secret when it was read; undefined: read again. */
  stamp: string | undefined;
  certificate: StoredCertificate | undefined;
  /** Timer of the next attempt after a failure. */
  retry: unknown;
}

/** The detail of one Ingress. Its Secrets are read only while a viewer shows it. */
export class Details {
  readonly #options: DetailsOptions;
  /** By Secret, of each Ingress that is shown. */
  readonly #readings = new Map<SourceKey, Map<string, Reading>>();

  constructor(options: DetailsOptions) {
    this.#options = options;
  }

  /** From now on its Secrets are read, after each change. */
  open(key: SourceKey): void {
    if (!this.#readings.has(key)) this.#readings.set(key, new Map());
  }

  close(key: SourceKey): void {
    for (const { retry } of this.#readings.get(key)?.values() ?? []) this.#options.clock.clearTimeout(retry);
    this.#readings.delete(key);
  }

  /** @returns undefined if there is no such Ingress, or it requests no certificate */
  of(key: SourceKey): IngressDetail | undefined {
    const { actors, stories, journal } = this.#options;
    const actor = actors.get(key);
    if (actor === undefined) return undefined;
    const { value, context } = actor.getSnapshot();
    this.#readAgain(key, context);
    const { timeline, path } = stories.of(key);
    return {
      row: rowOf(value, context),
      certificates: context.certificates.map((record) => ({
        ...this.#readings.get(key)?.get(record.desired.secretName)?.certificate,
        ...certificateOf(record),
        ...this.#elsewhere(record),
        hosts: journal.of(key, record.desired.secretName),
      })),
      timeline,
      path: path.length === 0 ? [{ state: value, at: context.since }] : path,
    };
  }

  #elsewhere({ desired }: CertificateRecord): Pick<CertificateDetail, 'elsewhere'> {
    const others = desired.hosts.filter(({ standing }) => standing !== 'ours').slice(0, mostElsewhere);
    const owned = others.map(({ host }) => {
      const { by, namespace, until } = this.#options.hostOwner(host);
      return {
        host,
        by,
        ...(namespace === undefined ? {} : { namespace }),
        ...(until === undefined ? {} : { until }),
      };
    });
    return owned.length === 0 ? {} : { elsewhere: owned };
  }

  /** Reads the Secrets that have changed since the last read. */
  #readAgain(key: SourceKey, { certificates }: IngressContext): void {
    const readings = this.#readings.get(key);
    if (readings === undefined) return;
    for (const record of certificates) {
      const { namespace, secretName } = record.desired;
      const { state, notAfter, renewAt } = certificateRowOf(record);
      const before = readings.get(secretName);
      // A round writes the Secret only at its end.
      const stamp =
        record.status.kind === 'working' && before?.stamp !== undefined
          ? before.stamp
          : `${state} ${notAfter} ${renewAt}`;
      if (before?.stamp === stamp) continue;
      this.#options.clock.clearTimeout(before?.retry);
      const reading = { stamp, certificate: before?.certificate, retry: undefined };
      readings.set(secretName, reading);
      void this.#read(key, namespace, secretName, reading);
    }
  }

  async #read(key: SourceKey, namespace: string, secretName: string, reading: Reading): Promise<void> {
    const { clock, onChange, readCertificate } = this.#options;
    try {
      reading.certificate = await readCertificate(namespace, secretName, AbortSignal.timeout(readLimit));
      onChange(key);
    } catch {
      // Meanwhile the page shows what the actor knows; the checks report errors of the API server.
      if (this.#readings.get(key)?.get(secretName) !== reading) return;
      reading.retry = clock.setTimeout(() => {
        reading.stamp = undefined;
        onChange(key);
      }, retryInterval);
    }
  }
}

function certificateOf(record: CertificateRecord): Omit<CertificateDetail, 'hosts'> {
  const { status, failures } = record;
  const hold = status.kind === 'working' ? status.hold : undefined;
  const error = errorOf(findingsOf(record));
  return {
    ...certificateRowOf(record),
    ...(error === undefined ? {} : { error }),
    failures: countOfFailures(failures),
    ...(status.kind === 'failed' && status.nextAttemptAt !== undefined
      ? { nextAttemptAt: status.nextAttemptAt }
      : {}),
    ...(hold === undefined ? {} : { hold: { scope: hold.scope, until: hold.until } }),
  };
}
