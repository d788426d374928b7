import { arrayField, isRecord, recordField, stringField } from '../../process/json.ts';
import { ingressMarks, isIssuerAnnotation, recordedIn, textsIn } from './cert-manager-marks.ts';
import type { Candidate } from './import-plan.ts';

/** Collects the Ingresses that are to be handed over, while they are listed. */
export class Candidates {
  readonly all: Candidate[] = [];
  readonly #annotationKey: string;
  readonly #namespace: string | undefined;
  readonly #marked: ReadonlySet<string>;

  /**
   * @param namespace undefined: all
   * @param marked `namespace/name` of the Secrets that cert-manager knows
   */
  constructor(annotationKey: string, namespace: string | undefined, marked: ReadonlySet<string>) {
    this.#annotationKey = annotationKey;
    this.#namespace = namespace;
    this.#marked = marked;
  }

  /** The Ingress as it will be; any other one as it is. */
  seen(ingress: unknown): unknown {
    const candidate = this.#candidateIn(ingress);
    if (candidate === undefined || !isRecord(ingress)) return ingress;
    if (this.#namespace === undefined || candidate.namespace === this.#namespace) this.all.push(candidate);
    const marks = ingressMarks(candidate.annotations, this.#annotationKey);
    const kept = Object.entries(candidate.annotations).filter(([key]) => !Object.hasOwn(marks, key));
    const annotations = { ...Object.fromEntries(kept), [this.#annotationKey]: 'true' };
    return { ...ingress, metadata: { ...recordField(ingress, 'metadata'), annotations } };
  }

  #candidateIn(ingress: unknown): Candidate | undefined {
    const metadata = recordField(ingress, 'metadata');
    const [namespace = '', name = '', uid = ''] = ['namespace', 'name', 'uid'].map((field) =>
      stringField(metadata, field),
    );
    const annotations = textsIn(metadata, 'annotations');
    const named = arrayField(recordField(ingress, 'spec'), 'tls').flatMap(
      (entry) => stringField(entry, 'secretName') ?? [],
    );
    const secretNames = [...new Set(named)].filter((secret) => secret !== '');
    if (secretNames.length === 0) return undefined;
    const isTakenUp = Object.keys(annotations).some(isIssuerAnnotation);
    const isBegun = recordedIn(annotations) !== undefined && annotations[this.#annotationKey] === undefined;
    const isServed = secretNames.some((secret) => this.#marked.has(`${namespace}/${secret}`));
    if (!isTakenUp && !isBegun && !isServed) return undefined;
    return { namespace, name, uid, annotations, secretNames };
  }
}
