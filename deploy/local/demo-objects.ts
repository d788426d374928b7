import type { IssuedCertificate } from './authority.ts';
import type { Manifest } from './manifests.ts';

/** A host without an address in the demo's DNS. */
export const deadHost = 'moved-away.example.com';
/** A zone of the demo's own name server, which takes RFC 2136. */
export const demoZone = 'apps.example.com';
/** The demo's cases beyond `examples/`. */
export const demoNamespaces = ['shop', 'blog', 'legacy', 'gateways'];

const annotated = { 'kubernetes.io/tls-acme': 'true' };

/** The Ingresses of the demo; the foreign certificate is valid and from another CA. */
export function demoObjects(foreign: IssuedCertificate): Manifest[] {
  return [
    ingress('shop', 'one-host', { secretName: 'shop-tls', hosts: ['shop.example.com'] }),
    ingress('shop', 'several-hosts', {
      secretName: 'brands-tls',
      hosts: ['brand-a.example.com', 'brand-b.example.com', 'brand-c.example.com'],
    }),
    ingress('shop', 'wildcard', { secretName: 'apps-tls', hosts: [`*.${demoZone}`] }),
    ingress('blog', 'shared-secret', { secretName: 'blog-tls', hosts: ['blog.example.com'] }),
    ingress('blog', 'shared-secret-too', { secretName: 'blog-tls', hosts: ['www.blog.example.com'] }),
    ingress('blog', 'dead-host', { secretName: 'moved-tls', hosts: [deadHost] }),
    ingress('legacy', 'not-annotated', { secretName: 'plain-tls', hosts: ['plain.example.com'] }, {}),
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { namespace: 'legacy', name: 'bought-tls' },
      type: 'kubernetes.io/tls',
      data: { 'tls.crt': base64(foreign.chainPem), 'tls.key': base64(foreign.keyPem) },
    },
    ingress('legacy', 'foreign-certificate', { secretName: 'bought-tls', hosts: ['bought.example.com'] }),
  ];
}

/** A Gateway with a listener for one host, one for whatever its routes name, and the routes of two teams. */
export function demoGateway(): Manifest[] {
  const [host, wildcard] = ['gateway.example.com', '*.teams.example.com'];
  const allowedRoutes = { namespaces: { from: 'All' } };
  const secured = (name: string, hostname: string): object => ({
    name,
    hostname,
    port: 443,
    protocol: 'HTTPS',
    tls: { certificateRefs: [{ name: `${name}-tls` }] },
    allowedRoutes,
  });
  const listeners = [
    { name: 'http', port: 80, protocol: 'HTTP', allowedRoutes },
    secured('site', host),
    secured('teams', wildcard),
  ];
  const gateway = { gatewayClassName: 'edge', listeners };
  return [
    gatewayObject('Gateway', 'gateways', 'public', gateway, annotated),
    route('shop', 'site', [host]),
    route('shop', 'checkout', ['checkout.teams.example.com']),
    route('blog', 'archive', ['archive.teams.example.com']),
  ];
}

export const foreignHost = 'bought.example.com';

function ingress(
  namespace: string,
  name: string,
  { secretName, hosts }: { secretName: string; hosts: readonly string[] },
  annotations: Readonly<Record<string, string>> = annotated,
): Manifest {
  const backend = { service: { name: 'web', port: { number: 80 } } };
  const http = { paths: [{ path: '/', pathType: 'Prefix', backend }] };
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { namespace, name, annotations },
    spec: { tls: [{ hosts, secretName }], rules: hosts.map((host) => ({ host, http })) },
  };
}

function route(namespace: string, name: string, hostnames: readonly string[]): Manifest {
  const rules = [{ backendRefs: [{ name: 'web', port: 80 }] }];
  return gatewayObject('HTTPRoute', namespace, name, {
    parentRefs: [{ namespace: 'gateways', name: 'public' }],
    hostnames,
    rules,
  });
}

function gatewayObject(
  kind: string,
  namespace: string,
  name: string,
  spec: object,
  annotations: Readonly<Record<string, string>> = {},
): Manifest {
  const metadata = { namespace, name, annotations };
  return { apiVersion: 'gateway.networking.k8s.io/v1', kind, metadata, spec };
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
