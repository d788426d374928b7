import { findingsOf } from '../../machines/hold.ts';
import type { CertificateRecord, IngressContext } from '../../machines/ingress-context.ts';
import type { IngressActor } from '../supervisor.ts';
import type { HostJournal } from './host-journal.ts';
import type { CertificateDetail, IngressDetail } from './protocol.ts';
import { certificateRowOf, errorOf, rowOf } from './rows.ts';
import type { Stories } from './stories.ts';

/** What can be said of the certificate that is in a Secret. */
export type StoredCertificate = Pick<
  CertificateDetail,
  'names' | 'issuer' | 'notBefore' | 'notAfter' | 'renewalWindow'
>;

export interface DetailsOptions {
  readonly actors: ReadonlyMap<string, IngressActor>;
  readonly stories: Stories;
  readonly journal: HostJournal;
  /** Reads the Secret; undefined where there is none, or no certificate in it. */
  readonly readCertificate: (
    namespace: string,
    secretName: string,
    signal: AbortSignal,
  ) => Promise<StoredCertificate | undefined>;
  /** More is known of this Ingress than before. */
  readonly onChange: (key: string) => void;
}

/** Milliseconds. */
const readLimit = 5000;

/** All there is to say of one Ingress. What is in its Secrets is read only for those that somebody looks at. */
export class Details {
  readonly #options: DetailsOptions;
  /** Of each Ingress that is looked at, by Secret; with the state of the Secret when it was read. */
  readonly #read = new Map<
    string,
    Map<string, { readonly stamp: string; certificate: StoredCertificate | undefined }>
  >();

  constructor(options: DetailsOptions) {
    this.#options = options;
  }

  /** From now on its Secrets are read, when they change. */
  open(key: string): void {
    if (!this.#read.has(key)) this.#read.set(key, new Map());
  }

  close(key: string): void {
    this.#read.delete(key);
  }

  /** @returns undefined where there is no such Ingress, or it asks for no certificate */
  of(key: string): IngressDetail | undefined {
    const { actors, stories, journal } = this.#options;
    const actor = actors.get(key);
    if (actor === undefined) return undefined;
    const { value, context } = actor.getSnapshot();
    this.#readAgain(key, context);
    const { timeline, path } = stories.of(key);
    return {
      row: rowOf(value, context),
      certificates: context.certificates.map((record) => ({
        ...this.#read.get(key)?.get(record.desired.secretName)?.certificate,
        ...certificateOf(record),
        hosts: journal.of(key, record.desired.secretName),
      })),
      timeline,
      path: path.length === 0 ? [{ state: value, at: context.since }] : path,
    };
  }

  /** Reads the Secrets that have changed since they were read last. */
  #readAgain(key: string, { certificates }: IngressContext): void {
    const read = this.#read.get(key);
    if (read === undefined) return;
    for (const record of certificates) {
      const { namespace, secretName } = record.desired;
      const { state, notAfter, renewAt } = certificateRowOf(record);
      // A round leaves the Secret alone until its end.
      if (record.status.kind === 'working' && read.has(secretName)) continue;
      const stamp = `${state} ${notAfter} ${renewAt}`;
      const before = read.get(secretName);
      if (before?.stamp === stamp) continue;
      const entry = { stamp, certificate: before?.certificate };
      read.set(secretName, entry);
      const { readCertificate, onChange } = this.#options;
      readCertificate(namespace, secretName, AbortSignal.timeout(readLimit)).then(
        (certificate) => {
          entry.certificate = certificate;
          onChange(key);
        },
        // The page shows what the actor knows; what keeps the API server from answering is told by the checks.
        () => undefined,
      );
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
    failures: failures.attempt + failures.transient,
    ...(status.kind === 'failed' && status.nextAttemptAt !== undefined
      ? { nextAttemptAt: status.nextAttemptAt }
      : {}),
    ...(hold === undefined ? {} : { hold: { scope: hold.scope, until: hold.until } }),
  };
}
