import assert from 'node:assert/strict';
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { BlockList, isIPv4 } from 'node:net';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { before, describe, it } from 'node:test';
import type {
  V1Deployment,
  V1LabelSelector,
  V1NetworkPolicyPeer,
  V1NetworkPolicyPort,
} from '@kubernetes/client-node';
import { readManifests } from '../../deploy/local/manifests.ts';
import { deployFolder } from './deployed-cluster.ts';

/** client-node's type of it spells `from` otherwise than the API. */
interface NetworkPolicy {
  readonly kind: string;
  readonly spec: {
    readonly podSelector: V1LabelSelector;
    readonly policyTypes: readonly string[];
    readonly ingress?: readonly {
      readonly from?: V1NetworkPolicyPeer[];
      readonly ports?: V1NetworkPolicyPort[];
    }[];
    readonly egress?: readonly {
      readonly to?: V1NetworkPolicyPeer[];
      readonly ports?: V1NetworkPolicyPort[];
    }[];
  };
}

/** Somebody who reaches kube-lego or is reached: a pod, or an address outside the cluster. */
interface Peer {
  readonly namespaceLabels?: Readonly<Record<string, string>>;
  readonly address?: string;
}

/** The policies that are rendered from a folder, applied to the pod of the Deployment there. */
class Rendered {
  readonly #policies: readonly NetworkPolicy[];
  readonly #labels: Readonly<Record<string, string>>;
  readonly #ports: ReadonlyMap<string, number>;

  private constructor(policies: readonly NetworkPolicy[], { spec }: V1Deployment) {
    this.#policies = policies;
    this.#labels = spec?.template.metadata?.labels ?? {};
    const ports = spec?.template.spec?.containers.flatMap((container) => container.ports ?? []) ?? [];
    this.#ports = new Map(ports.map(({ name = '', containerPort }) => [name, containerPort]));
  }

  static async of(folder: string): Promise<Rendered> {
    const text = JSON.stringify(await readManifests(folder));
    const objects: readonly { readonly kind: string }[] = JSON.parse(text);
    const isPolicy = (object: { readonly kind: string }): object is NetworkPolicy =>
      object.kind === 'NetworkPolicy';
    const isDeployment = (object: { readonly kind: string }): object is V1Deployment & { kind: string } =>
      object.kind === 'Deployment';
    const deployment = objects.find(isDeployment);
    assert.ok(deployment);
    return new Rendered(objects.filter(isPolicy), deployment);
  }

  /** Whether the peer may connect to this port of the pod. */
  lets(peer: Peer, port: number): boolean {
    const policies = this.#policiesOf('Ingress');
    const rules = policies.flatMap(({ spec }) => spec.ingress ?? []);
    const allowed = rules.some(({ from, ports }) => isPeer(from, peer) && this.#isPort(ports, port, 'TCP'));
    return policies.length === 0 || allowed;
  }

  /** Whether the pod may connect to this port of the peer. */
  reaches(peer: Peer, port: number, protocol = 'TCP'): boolean {
    const policies = this.#policiesOf('Egress');
    const rules = policies.flatMap(({ spec }) => spec.egress ?? []);
    const allowed = rules.some(({ to, ports }) => isPeer(to, peer) && this.#isPort(ports, port, protocol));
    return policies.length === 0 || allowed;
  }

  #policiesOf(type: 'Ingress' | 'Egress'): NetworkPolicy[] {
    return this.#policies.filter(
      ({ spec }) => matches(spec.podSelector, this.#labels) && spec.policyTypes.includes(type),
    );
  }

  #isPort(ports: readonly V1NetworkPolicyPort[] | undefined, port: number, protocol: string): boolean {
    return (
      ports === undefined ||
      ports.some((allowed) => {
        const named = typeof allowed.port === 'string' ? this.#ports.get(allowed.port) : allowed.port;
        assert.notEqual(named, undefined, `the pod has no port ${allowed.port}`);
        return named === port && (allowed.protocol ?? 'TCP') === protocol;
      })
    );
  }
}

function isPeer(allowed: readonly V1NetworkPolicyPeer[] | undefined, peer: Peer): boolean {
  return (
    allowed === undefined ||
    allowed.some(({ namespaceSelector, podSelector, ipBlock }) => {
      assert.equal(podSelector, undefined, 'this test knows no podSelector');
      if (ipBlock === undefined) {
        return peer.namespaceLabels !== undefined && matches(namespaceSelector, peer.namespaceLabels);
      }
      const { address } = peer;
      const isIn = (cidr: string): boolean => address !== undefined && contains(cidr, address);
      return isIn(ipBlock.cidr) && !(ipBlock.except ?? []).some(isIn);
    })
  );
}

function contains(cidr: string, address: string): boolean {
  const [network = '', prefix] = cidr.split('/');
  const family = isIPv4(network) ? 'ipv4' : 'ipv6';
  const block = new BlockList();
  block.addSubnet(network, Number(prefix), family);
  return isIPv4(address) === isIPv4(network) && block.check(address, family);
}

function matches(selector: V1LabelSelector | undefined, labels: Readonly<Record<string, string>>): boolean {
  assert.equal(selector?.matchExpressions, undefined, 'this test knows no matchExpressions');
  return Object.entries(selector?.matchLabels ?? {}).every(([key, value]) => labels[key] === value);
}

const any: Peer = { namespaceLabels: { 'kubernetes.io/metadata.name': 'team-a' }, address: '10.1.2.3' };
const ingressController: Peer = {
  namespaceLabels: { 'kube-lego.io/ingress-controller': 'true' },
  address: '10.1.2.4',
};
const prometheus: Peer = { namespaceLabels: { 'kube-lego.io/prometheus': 'true' }, address: '10.1.2.5' };
const [responder, metrics, inspector, health] = [8080, 9402, 9403, 9404];

for (const folder of ['base', 'namespaced']) {
  describe(`the NetworkPolicy of deploy/${folder}`, () => {
    let rendered: Rendered;
    before(async () => {
      rendered = await Rendered.of(join(deployFolder, folder));
    });

    it('leaves the health port to the kubelet, and breaks nobody who needs another', () => {
      for (const peer of [any, ingressController, prometheus]) {
        assert.deepEqual(
          [responder, metrics, inspector, health].map((port) => rendered.lets(peer, port)),
          [true, true, false, false],
        );
      }
    });

    it('restricts nothing that kube-lego asks', () => {
      assert.ok(rendered.reaches({ address: '192.0.2.1' }, 9000));
    });
  });
}

describe('the component network-policy', () => {
  let rendered: Rendered;
  before(async () => {
    const overlay = await mkdtemp(join(await realpath(tmpdir()), 'kube-lego-policy-'));
    const [base, component] = ['base', 'components/network-policy'].map((folder) =>
      relative(overlay, join(deployFolder, folder)),
    );
    const kustomization = { resources: [base], components: [component] };
    await writeFile(join(overlay, 'kustomization.yaml'), JSON.stringify(kustomization));
    rendered = await Rendered.of(overlay);
    await rm(overlay, { recursive: true });
  });

  it('opens each port to those who have business there', () => {
    const ports = [responder, metrics, inspector, health];
    const open = (peer: Peer) => ports.map((port) => rendered.lets(peer, port));
    assert.deepEqual(open(any), [false, false, false, false]);
    assert.deepEqual(open({ address: '203.0.113.1' }), [false, false, false, false]);
    assert.deepEqual(open(ingressController), [true, false, false, false]);
    assert.deepEqual(open(prometheus), [false, true, false, false]);
  });

  it('lets kube-lego ask the DNS, the API server, the CA and the hosts', () => {
    for (const address of ['10.96.0.10', '169.254.20.10', '192.0.2.53', '2001:db8::53']) {
      for (const protocol of ['UDP', 'TCP']) assert.ok(rendered.reaches({ address }, 53, protocol), address);
    }
    for (const port of [80, 443, 6443]) {
      for (const address of ['10.96.0.1', '192.168.1.5', '172.65.32.248', '2606:4700::1']) {
        assert.ok(rendered.reaches({ address }, port), `${address} ${port}`);
      }
    }
    assert.ok(rendered.reaches(ingressController, 8443));
  });

  it('lets it ask no metadata service, and no other port', () => {
    for (const address of ['169.254.169.254', 'fd00:ec2::254', 'fd20:ce::254', '100.100.100.200']) {
      assert.ok(!rendered.reaches({ address }, 80), address);
    }
    for (const port of [22, 5432, 8080, 10_250]) assert.ok(!rendered.reaches(any, port), String(port));
    assert.ok(!rendered.reaches({ address: '192.0.2.1' }, 443, 'UDP'));
  });
});
