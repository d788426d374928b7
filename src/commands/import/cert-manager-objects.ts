import type { KubernetesClient } from '../../kubernetes/client/client.ts';
import { type Collection, collectionPath } from '../../kubernetes/client/collections.ts';
import { KubernetesError, unless } from '../../kubernetes/client/kubernetes-error.ts';
import { arrayField, recordField, stringField } from '../../process/json.ts';
import { list } from '../reading/listing.ts';
import { readSolver, type Solver } from './solver-choice.ts';

export const certificates: Collection = { apiVersion: 'cert-manager.io/v1', resource: 'certificates' };
const issuers: Collection = { apiVersion: 'cert-manager.io/v1', resource: 'issuers' };
const clusterIssuers: Collection = { apiVersion: 'cert-manager.io/v1', resource: 'clusterissuers' };

/** A `Certificate` of cert-manager. */
export interface CertificateObject {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly secretName: string;
  readonly issuer: IssuerReference;
  /** The uid of the Ingress that it is made from. */
  readonly ingressUid: string | undefined;
  /** cert-manager works on an order for it. */
  readonly issuing: boolean;
}

export interface IssuerReference {
  readonly kind: string;
  readonly name: string;
  readonly group: string;
}

/** An `Issuer` or `ClusterIssuer`. */
export interface IssuerObject {
  readonly kind: 'Issuer' | 'ClusterIssuer';
  readonly namespace: string | undefined;
  readonly name: string;
  /** The ACME directory; undefined for an issuer of another kind. */
  readonly server: string | undefined;
  readonly solvers: readonly Solver[];
}

export interface CertManagerObjects {
  readonly certificates: readonly CertificateObject[];
  readonly issuers: readonly IssuerObject[];
  /** The kinds that may not be listed. */
  readonly unreadable: readonly IssuerObject['kind'][];
}

/**
 * @param namespace undefined: all
 * @returns undefined if the API server does not know cert-manager's kinds: it is not installed
 * @throws KubernetesError also if Certificates may not be listed
 */
export async function readCertManager(
  client: KubernetesClient,
  namespace: string | undefined,
  signal: AbortSignal,
): Promise<CertManagerObjects | undefined> {
  try {
    const [found, own, ofCluster] = await Promise.all([
      list(client, collectionPath(certificates, namespace), signal, readCertificate),
      unless('Forbidden', () =>
        list(client, collectionPath(issuers, namespace), signal, (object) => readIssuer(object, 'Issuer')),
      ),
      unless('Forbidden', () =>
        list(client, collectionPath(clusterIssuers), signal, (object) => readIssuer(object, 'ClusterIssuer')),
      ),
    ]);
    return {
      certificates: found.filter((certificate) => certificate !== undefined),
      issuers: [...(own ?? []), ...(ofCluster ?? [])],
      unreadable: [
        ...(own === undefined ? (['Issuer'] as const) : []),
        ...(ofCluster === undefined ? (['ClusterIssuer'] as const) : []),
      ],
    };
  } catch (error) {
    // An unknown path is answered without a Status object.
    if (error instanceof KubernetesError && error.status === 404) return undefined;
    throw error;
  }
}

function readCertificate(object: unknown): CertificateObject | undefined {
  const [metadata, spec] = [recordField(object, 'metadata'), recordField(object, 'spec')];
  const [namespace, name, uid, resourceVersion] = ['namespace', 'name', 'uid', 'resourceVersion'].map(
    (field) => stringField(metadata, field),
  );
  const secretName = stringField(spec, 'secretName');
  if (
    namespace === undefined ||
    name === undefined ||
    uid === undefined ||
    resourceVersion === undefined ||
    secretName === undefined
  ) {
    return undefined;
  }
  const issuerRef = recordField(spec, 'issuerRef');
  const owner = arrayField(metadata, 'ownerReferences').find(
    (reference) => stringField(reference, 'kind') === 'Ingress',
  );
  const issuing = arrayField(recordField(object, 'status'), 'conditions').some(
    (condition) =>
      stringField(condition, 'type') === 'Issuing' && stringField(condition, 'status') === 'True',
  );
  return {
    namespace,
    name,
    uid,
    resourceVersion,
    secretName,
    issuer: {
      kind: stringField(issuerRef, 'kind') ?? 'Issuer',
      name: stringField(issuerRef, 'name') ?? '',
      group: stringField(issuerRef, 'group') ?? 'cert-manager.io',
    },
    ingressUid: stringField(owner, 'uid'),
    issuing,
  };
}

function readIssuer(object: unknown, kind: IssuerObject['kind']): IssuerObject {
  const metadata = recordField(object, 'metadata');
  const acme = recordField(recordField(object, 'spec'), 'acme');
  return {
    kind,
    namespace: stringField(metadata, 'namespace'),
    name: stringField(metadata, 'name') ?? '',
    server: stringField(acme, 'server'),
    solvers: arrayField(acme, 'solvers').map(readSolver),
  };
}
