import { statusAnnotation } from '../../machines/ingress/status.ts';
import { adoptAnnotation } from '../../machines/ownership/adoption.ts';
import {
  keystoreAnnotation,
  keystorePasswordAnnotation,
  longestPasswordReference,
} from '../../machines/ownership/keystore.ts';
import { retryAnnotation, type SourceSpec } from '../../machines/ownership/source-spec.ts';
import { challengeAnnotation } from '../../machines/zones/zone.ts';
import { stringField } from '../process/json.ts';

type Annotations = Record<string, unknown> | undefined;

/** What our annotations on a source ask for. */
export type RequestSettings = Pick<
  SourceSpec,
  'misplacedAdopt' | 'retry' | 'keyType' | 'profile' | 'selfCheck' | 'keystore' | 'challenge' | 'certManager'
>;

/** Those of a source that asks for nothing. */
export const noSettings = {
  retry: undefined,
  keyType: undefined,
  profile: undefined,
  selfCheck: undefined,
  certManager: false,
} as const satisfies RequestSettings;

/** Characters of a valid value of our annotations, and of the status, which we write ourselves and never as long. */
const longestValue = 64;
const longestStatus = 65_536;

const inputAnnotations: readonly string[] = [
  retryAnnotation,
  'kube-lego.io/key-type',
  'kube-lego.io/profile',
  'kube-lego.io/self-check',
  challengeAnnotation,
];

export function isTrue(annotations: Annotations, key: string): boolean {
  return stringField(annotations, key)?.trim().toLowerCase() === 'true';
}

/** The raw value of our status annotation; empty for one that cannot be ours. */
export function statusIn(annotations: Annotations): string | undefined {
  const status = stringField(annotations, statusAnnotation);
  return status !== undefined && status.length > longestStatus ? '' : status;
}

/** @returns `tooLong`: the annotations whose value is longer than any valid one; they count as absent */
export function settingsIn(annotations: Annotations): {
  readonly settings: RequestSettings;
  readonly tooLong: string[];
} {
  const [retry, keyType, profile, selfCheck, challenge] = inputAnnotations.map((key) =>
    isTooLong(annotations, key) ? undefined : valueOf(annotations, key),
  );
  return {
    settings: {
      misplacedAdopt: valueOf(annotations, adoptAnnotation) === undefined ? undefined : true,
      retry,
      keyType,
      profile,
      selfCheck,
      ...keystoreIn(annotations),
      ...(challenge === undefined ? {} : { challenge }),
      certManager: Object.keys(annotations ?? {}).some(isIssuerAnnotation),
    },
    tooLong: inputAnnotations.filter((key) => isTooLong(annotations, key)),
  };
}

/** An empty value sets nothing: templates write one where nothing is given. */
function valueOf(annotations: Annotations, key: string): string | undefined {
  const value = stringField(annotations, key)?.trim();
  return value === '' ? undefined : value;
}

/** A value that is too long for a valid one is kept as an empty one, which is refused. */
function keystoreIn(annotations: Annotations): Pick<SourceSpec, 'keystore'> {
  const [type, password] = [keystoreAnnotation, keystorePasswordAnnotation].map((key) => {
    const value = valueOf(annotations, key);
    return value !== undefined && value.length > longestPasswordReference ? '' : value;
  });
  return type === undefined && password === undefined ? {} : { keystore: { type, password } };
}

function isTooLong(annotations: Annotations, key: string): boolean {
  return (stringField(annotations, key) ?? '').length > longestValue;
}

/** `cert-manager.io/issuer`, `cert-manager.io/cluster-issuer`, and every annotation of cert-manager before 0.11. */
function isIssuerAnnotation(key: string): boolean {
  return (
    key === 'cert-manager.io/issuer' ||
    key === 'cert-manager.io/cluster-issuer' ||
    key.startsWith('certmanager.k8s.io/')
  );
}
