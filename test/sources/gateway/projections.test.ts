import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { projectGateway } from '../../../src/sources/gateway/gateway-projection.ts';
import { projectGrant, projectRoute } from '../../../src/sources/gateway/route-projection.ts';
import { SharedReferences } from '../../../src/sources/gateway/shared-references.ts';

const metadata = {
  namespace: 'infra',
  name: 'edge',
  uid: 'uid',
  generation: 3,
  creationTimestamp: '2026-11-24T12:00:00Z',
  annotations: { 'kubernetes.io/tls-acme': 'TRUE', 'kube-lego.io/wildcard': 'true', other: 'x' },
};

function gateway(spec: object, status: object = {}, changes: object = {}) {
  const object = { metadata: { ...metadata, ...changes }, spec, status };
  return projectGateway('Gateway', object, 'kubernetes.io/tls-acme');
}

describe('the projection of a Gateway', () => {
  it('joins each listener with what status says of it', () => {
    const listeners = [
      {
        name: 'https',
        port: 443,
        protocol: 'HTTPS',
        hostname: 'Shop.Example.com',
        tls: {
          certificateRefs: [
            { name: 'shop-tls' },
            { kind: 'ConfigMap', group: 'x', name: 'y', namespace: 'z' },
          ],
        },
        allowedRoutes: { namespaces: { from: 'Selector', selector: { matchLabels: { a: 'b' } } } },
      },
      { name: 'http', port: 80, protocol: 'HTTP', allowedRoutes: { kinds: [{ kind: 'GRPCRoute' }] } },
    ];
    const conditions = [
      { type: 'Accepted', status: 'False', observedGeneration: 3 },
      { type: 'Conflicted', status: 'True', observedGeneration: 3 },
      { type: 'Programmed', status: 'True', observedGeneration: 2 },
    ];
    const reading = gateway({ listeners }, { listeners: [{ name: 'https', conditions }] });
    assert.deepEqual(reading?.listeners, [
      {
        name: 'https',
        port: 443,
        protocol: 'HTTPS',
        hostname: 'shop.example.com',
        tlsMode: 'Terminate',
        certificateRefs: [
          { group: '', kind: 'Secret', namespace: 'infra', name: 'shop-tls' },
          { group: 'x', kind: 'ConfigMap', namespace: 'z', name: 'y' },
        ],
        allowedRoutes: { from: 'Selector', selector: { matchLabels: { a: 'b' }, matchExpressions: [] } },
        allowsHttpRoutes: true,
        accepted: false,
        conflicted: true,
      },
      {
        name: 'http',
        port: 80,
        protocol: 'HTTP',
        certificateRefs: [],
        allowedRoutes: { from: 'Same' },
        allowsHttpRoutes: false,
        conflicted: false,
      },
    ]);
    assert.equal(reading.wildcards, true);
    assert.equal(reading.settings.enabled, true);
  });

  it('accepts no listener of an object that is refused as a whole', () => {
    const listeners = [{ name: 'https', port: 443, protocol: 'HTTPS' }];
    const refused = { conditions: [{ type: 'Accepted', status: 'False', observedGeneration: 3 }] };
    const reading = projectGateway(
      'ListenerSet',
      { metadata, spec: { parentRef: { name: 'edge' }, listeners }, status: refused },
      'kubernetes.io/tls-acme',
    );
    assert.equal(reading?.listeners[0]?.accepted, false);
    assert.deepEqual(reading.parent, { namespace: 'infra', name: 'edge' });
  });

  it('does not refuse a listener for its missing Secret, which it is to get', () => {
    const names = ['secret', 'protocol', 'silent'];
    const listeners = names.map((name) => ({ name, port: 443, protocol: 'HTTPS' }));
    const conditions = (reason: string) => [
      { type: 'Accepted', status: 'False', reason, observedGeneration: 3 },
    ];
    const status = {
      conditions: conditions('ListenersNotValid'),
      listeners: [
        { name: 'secret', conditions: conditions('InvalidCertificateRef') },
        { name: 'protocol', conditions: conditions('UnsupportedProtocol') },
      ],
    };
    assert.deepEqual(
      gateway({ listeners }, status)?.listeners.map(({ accepted }) => accepted),
      [true, false, undefined],
    );
  });

  it('lets in ListenerSets only where it says so', () => {
    const from = (namespaces: unknown) => gateway({ allowedListeners: { namespaces } })?.allowedListeners;
    assert.deepEqual(gateway({})?.allowedListeners, { from: 'None' });
    assert.deepEqual(from({ from: 'Same' }), { from: 'Same' });
    assert.deepEqual(from({ from: 'Selector', selector: {} }), {
      from: 'Selector',
      selector: { matchLabels: {}, matchExpressions: [] },
    });
    assert.deepEqual(from({ from: 'Selector' }), { from: 'None' });
    assert.deepEqual(from({ from: 'Everybody' }), { from: 'None' });
  });

  it('lets in nobody by a selector of which a part only would be read', () => {
    const values = Array.from({ length: 100 }, (_, at) => `team-${at}`);
    const selectors = [
      { matchLabels: Object.fromEntries(values.map((value) => [value, value])) },
      { matchLabels: { team: 'x'.repeat(1000) } },
      { matchExpressions: values.map((key) => ({ key, operator: 'Exists' })) },
      { matchExpressions: [{ key: 'team', operator: 'NotIn', values }] },
    ];
    for (const selector of selectors) {
      const allowed = gateway({ allowedListeners: { namespaces: { from: 'Selector', selector } } });
      assert.deepEqual(allowed?.allowedListeners, { from: 'None' });
    }
  });

  it('is bounded, whatever is written', () => {
    const references = Array.from({ length: 100 }, (_, at) => ({ name: `s${at}` }));
    const listeners = Array.from({ length: 100 }, (_, at) => ({
      name: `l${at}`,
      port: 443,
      protocol: 'P'.repeat(10_000),
      hostname: 'h'.repeat(100_000),
      tls: { mode: 7, certificateRefs: references },
      allowedRoutes: 'all',
    }));
    const long = { ...metadata.annotations, 'kube-lego.io/profile': 'p'.repeat(65) };
    const reading = gateway(
      { listeners: [null, 'x', ...listeners] },
      { listeners: 7 },
      { annotations: long },
    );
    assert.ok(JSON.stringify(reading).length < 64 * (64 * 60 + 1000));
    assert.equal(reading?.listeners.length, 62);
    assert.deepEqual(reading.excess, {
      listeners: 40,
      certificateRefs: 62 * 36,
      annotations: ['kube-lego.io/profile'],
    });
  });

  it('ignores one that is being deleted', () => {
    assert.equal(gateway({}, {}, { deletionTimestamp: '2026-11-24T12:00:00Z' }), undefined);
  });
});

describe('the projection of an HTTPRoute', () => {
  const parentRefs = [
    { name: 'edge', sectionName: 'http' },
    { group: 'gateway.networking.x-k8s.io', kind: 'XListenerSet', name: 'set', namespace: 'other' },
    { group: '', kind: 'Service', name: 'mesh' },
  ];
  const path = { type: 'PathPrefix', value: '/.well-known/acme-challenge' };
  const challengeRules = [{ matches: [{ path }] }];
  const labels = { 'app.kubernetes.io/managed-by': 'kube-lego' };
  const accepted = { type: 'Accepted', status: 'True', reason: 'r'.repeat(999), message: 'm'.repeat(999) };
  const refused = { ...accepted, status: 'False', reason: 'NotAllowedByListeners' };
  const edge = { kind: 'Gateway', namespace: 'infra', name: 'edge', sectionName: 'http' } as const;
  const set = { kind: 'ListenerSet', namespace: 'other', name: 'set' };

  /** Of each parentRef, one of the conditions. */
  const route = (
    {
      hostnames = [],
      rules = [{}],
    }: { readonly hostnames?: readonly string[]; readonly rules?: readonly object[] },
    conditions: readonly object[],
    changes: object = {},
  ) => {
    const parents = conditions.map((condition, at) => ({
      parentRef: parentRefs[at],
      controllerName: 'example.com/gateway',
      conditions: [condition],
    }));
    const spec = { parentRefs, hostnames, rules };
    return projectRoute({ metadata: { ...metadata, ...changes }, spec, status: { parents } });
  };

  it('has the parents that have accepted it and those that have not, an XListenerSet as a ListenerSet, and nothing of what they say', () => {
    const hostnames = ['A.example.com'];
    const createdAt = Date.parse(metadata.creationTimestamp);
    const reading = {
      ours: false,
      namespace: 'infra',
      name: 'edge',
      createdAt,
      hostnames: ['a.example.com'],
    };
    const some = { ...reading, attached: [set], unaccepted: [edge] };
    assert.deepEqual(route({ hostnames }, [refused, accepted]), some);
    const all = { ...reading, attached: [edge, set], unaccepted: [] };
    assert.deepEqual(route({ hostnames }, [accepted, accepted, accepted]), all);
    const none = { ...reading, attached: [], unaccepted: [edge, set] };
    assert.deepEqual(route({ hostnames }, []), none);
    assert.deepEqual(route({ hostnames }, [{ ...accepted, status: 'Unknown' }]), none);
  });

  it('is none for a route that names neither Gateway nor ListenerSet', () => {
    const spec = { parentRefs: parentRefs.slice(2), rules: [{}] };
    assert.equal(projectRoute({ metadata, spec }), undefined);
  });

  it("has what is said of kube-lego's own challenge routes, and ignores those of others", () => {
    assert.equal(route({ rules: challengeRules }, [accepted]), undefined);
    const reading = route({ rules: challengeRules }, [refused, accepted], { labels });
    assert.deepEqual(reading, {
      ours: true,
      namespace: 'infra',
      name: 'edge',
      generation: 3,
      hostnames: [],
      parentRefs: [edge, set],
      parents: [
        {
          parentRef: edge,
          accepted: {
            status: false,
            reason: 'NotAllowedByListeners',
            message: 'm'.repeat(256),
            observedGeneration: undefined,
          },
          resolvedRefs: undefined,
        },
        {
          parentRef: set,
          accepted: { status: true, reason: '', message: '', observedGeneration: undefined },
          resolvedRefs: undefined,
        },
      ],
    });
    const more = [...challengeRules, { matches: [{ path: { value: '/' } }] }];
    assert.equal(route({ rules: more }, [accepted], { labels })?.ours, false);
  });

  it('shares references to listeners, of which thousands of routes name the same few', () => {
    const shared = new SharedReferences();
    const [first, second, third] = [0, 1, 0].map((port) => shared.of({ ...edge, port }));
    assert.equal(third, first);
    assert.notEqual(second, first);
  });
});

describe('the projection of a ReferenceGrant', () => {
  it('has who may refer to what', () => {
    const from = { group: 'gateway.networking.k8s.io', kind: 'Gateway', namespace: 'infra' };
    const grant = projectGrant({ metadata, spec: { from: [from], to: [{ group: '', kind: 'Secret' }, 7] } });
    assert.deepEqual(grant, { namespace: 'infra', from: [from], to: [{ group: '', kind: 'Secret' }] });
  });
});
