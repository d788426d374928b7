import { sentences } from '../../../machines/reasons/sentences.ts';
import { isoTime } from '../explain/explanation.ts';
import { printable } from '../terminal-text.ts';
import type { CertificateObject } from './cert-manager-objects.ts';
import type { Planned } from './import-plan.ts';

/** The result of `kube-lego import cert-manager`. */
export interface ImportReport {
  /** False: it only says what would be done. */
  readonly applied: boolean;
  readonly ingresses: readonly IngressReport[];
  /** `namespace/name` of Certificates that no Ingress uses. */
  readonly certificatesOnly: readonly string[];
}

export interface IngressReport {
  readonly ingress: string;
  readonly state: 'ready' | 'imported' | 'stays' | 'failed';
  readonly secrets?: readonly {
    readonly name: string;
    readonly notAfter: string;
    readonly renewAt: string;
  }[];
  /** Certificates that are deleted. */
  readonly certificates?: readonly string[];
  readonly why?: string;
  readonly remedy?: string;
}

export function importReport(
  planned: readonly Planned[],
  certificatesOnly: readonly CertificateObject[],
  failed: ReadonlyMap<Planned, string>,
  applied: boolean,
): ImportReport {
  const ingresses = planned.map((one): IngressReport => {
    const ingress = `${one.candidate.namespace}/${one.candidate.name}`;
    if (one.kind === 'stays') return { ingress, state: 'stays', why: one.why, remedy: one.remedy };
    const why = failed.get(one);
    const secrets = one.secrets.map(({ name, notAfter, renewAt }) => ({
      name,
      notAfter: isoTime(notAfter),
      renewAt: isoTime(renewAt),
    }));
    const certificates = one.certificates.map(({ name }) => name);
    if (why !== undefined) {
      const remedy =
        'The site is served as before; import again when that is mended, which goes on where this has ended.';
      return { ingress, state: 'failed', why, remedy };
    }
    return { ingress, state: applied ? 'imported' : 'ready', secrets, certificates };
  });
  const names = certificatesOnly.map(({ namespace, name }) => `${namespace}/${name}`);
  return { applied, ingresses, certificatesOnly: names };
}

export function reportText({ applied, ingresses, certificatesOnly }: ImportReport): string {
  const width = Math.max(0, ...ingresses.map(({ ingress }) => ingress.length));
  const lines = ingresses.map((one) => {
    const head = `${one.ingress.padEnd(width)}  ${one.state.padEnd(8)}`;
    return `${head}  ${printable(wordsOf(one))}`;
  });
  const {
    ready = [],
    imported = [],
    stays = [],
    failed = [],
  } = Object.groupBy(ingresses, ({ state }) => state);
  const counts = applied
    ? `${imported.length} imported, ${stays.length} stay with cert-manager, ${failed.length} failed.`
    : `${ready.length} can be handed over, ${stays.length} stay with cert-manager. Nothing is changed without --apply.`;
  const only =
    certificatesOnly.length === 0
      ? []
      : [
          `Certificates that no Ingress uses stay with cert-manager: ${printable(certificatesOnly.join(', '))}`,
        ];
  const none = ingresses.length === 0 ? ['cert-manager sees to no Ingress here.'] : lines;
  return [...none, '', ...(ingresses.length === 0 ? [] : [counts]), ...only].join('\n').trimEnd();
}

function wordsOf({ secrets = [], certificates = [], why = '', remedy = '' }: IngressReport): string {
  if (why !== '') return sentences(why, remedy);
  const kept = secrets.map(
    ({ name, notAfter, renewAt }) =>
      `Secret ${name} is good until ${notAfter}, renewed by kube-lego from ${renewAt} on.`,
  );
  const deleted = certificates.map((name) => `Certificate ${name} is deleted.`);
  return sentences(...kept, ...deleted);
}
