import type { ApiRequest } from '../../deploy/local/api-client.ts';
import { eventually } from '../time/eventually.ts';

/** As external-dns 0.22 has it, as far as it concerns us. */
const definition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: {
    name: 'dnsendpoints.externaldns.k8s.io',
    annotations: {
      'api-approved.kubernetes.io': 'https://github.com/kubernetes-sigs/external-dns/pull/2007',
    },
  },
  spec: {
    group: 'externaldns.k8s.io',
    names: {
      kind: 'DNSEndpoint',
      listKind: 'DNSEndpointList',
      plural: 'dnsendpoints',
      singular: 'dnsendpoint',
    },
    scope: 'Namespaced',
    versions: [
      {
        name: 'v1alpha1',
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: {
                type: 'object',
                properties: {
                  endpoints: {
                    type: 'array',
                    items: {
                      type: 'object',
                      properties: {
                        dnsName: { type: 'string' },
                        providerSpecific: {
                          type: 'array',
                          items: {
                            type: 'object',
                            properties: { name: { type: 'string' }, value: { type: 'string' } },
                          },
                        },
                        recordTTL: { type: 'integer', format: 'int64' },
                        recordType: { type: 'string' },
                        targets: { type: 'array', items: { type: 'string' } },
                      },
                    },
                  },
                },
              },
            },
          },
        },
      },
    ],
  },
};

/**
 * Installs the CRD of external-dns. Resolves when objects are served in this namespace.
 * @param asAdmin rejects if the API server refuses
 */
export async function serveDnsEndpoints(
  asAdmin: (path: string, request?: ApiRequest) => Promise<unknown>,
  namespace: string,
): Promise<void> {
  await asAdmin('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
    method: 'POST',
    body: definition,
  });
  const endpoints = `/apis/externaldns.k8s.io/v1alpha1/namespaces/${namespace}/dnsendpoints`;
  await eventually('DNSEndpoints are served', () =>
    asAdmin(endpoints).then(
      () => true,
      () => false,
    ),
  );
}
