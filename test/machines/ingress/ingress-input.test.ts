import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Ownership, type OwnershipPolicy } from '../../../machines/ownership/ownership.ts';
import { sourceKey } from '../../../machines/ownership/source-key.ts';
import type { SourceSpec, TlsEntry } from '../../../machines/ownership/source-spec.ts';
import { describeFailure } from '../../../machines/reasons/reasons.ts';
import { ingressSpec, now, ownershipPolicy } from '../builders.ts';

const good: TlsEntry = { secretName: 'good-tls', hosts: ['good.example.com'] };

interface Answer {
  /** What a person reads. */
  readonly messages: readonly string[];
  /** What is ordered nevertheless. */
  readonly ordered: Readonly<Record<string, readonly string[]>>;
}

function answer(changes: Partial<SourceSpec>, policy: Partial<OwnershipPolicy> = {}): Answer {
  const ownership = new Ownership({ ...ownershipPolicy, ...policy });
  const ingress = ingressSpec(changes);
  ownership.set(ingress, now);
  ownership.settle(now);
  const assignment = ownership.assignment(sourceKey(ingress));
  return {
    messages: assignment?.notices.map(describeFailure) ?? [],
    ordered: Object.fromEntries(
      (assignment?.desired ?? []).flatMap(({ secretName, hosts }) =>
        hosts.length === 0 ? [] : [[secretName, hosts.map(({ host }) => host)]],
      ),
    ),
  };
}

/** What becomes of an entry of spec.tls beside a good one: the good one is ordered in any case. */
function answerToEntry(entry: TlsEntry): Answer {
  const { messages, ordered } = answer({ tls: [entry, good] });
  const { 'good-tls': siblings, ...rest } = ordered;
  assert.deepEqual(siblings, good.hosts, 'the good entry is ordered as if it were alone');
  return { messages, ordered: rest };
}

describe('entries of spec.tls with one secretName', () => {
  const entry = (...hosts: string[]): TlsEntry => ({ secretName: 'good-tls', hosts });

  it('are one certificate with the hosts of all, each once', () => {
    const tls = [entry('b.example.com', 'a.example.com'), entry(), entry('a.example.com', 'c.example.com')];
    assert.deepEqual(answer({ tls }), {
      messages: [],
      ordered: { 'good-tls': ['b.example.com', 'a.example.com', 'c.example.com'] },
    });
  });

  it('have one answer if they list no hosts, and one about a bad host in any of them', () => {
    assert.equal(answer({ tls: [entry(), entry()] }).messages.length, 1);
    const { messages, ordered } = answer({ tls: [entry('192.0.2.7'), good, entry('192.0.2.7')] });
    assert.deepEqual([messages.length, ordered], [1, { 'good-tls': good.hosts }]);
  });

  it('are too many together, and orders nothing new', () => {
    const some = (from: number) => Array.from({ length: 60 }, (_, index) => `h${from + index}.example.com`);
    const { messages, ordered } = answer({ tls: [entry(...some(0)), entry(...some(60))] });
    assert.match(messages.join('\n'), /^Secret good-tls would need a certificate for 120 hosts/);
    assert.deepEqual(ordered, {});
  });
});

describe('a bad entry of spec.tls gets a clear answer and leaves its siblings alone', () => {
  it('without secretName', () => {
    const message =
      'An entry of spec.tls (a.example.com, b.example.com) names no Secret. Set spec.tls[].secretName, or tls.certificateRefs of the listener.';
    for (const secretName of [undefined, '']) {
      assert.deepEqual(answerToEntry({ secretName, hosts: ['a.example.com', 'b.example.com'] }), {
        messages: [message],
        ordered: {},
      });
    }
  });

  it('without secretName and hosts', () => {
    assert.deepEqual(answerToEntry({ secretName: undefined, hosts: [] }).messages, [
      'An entry of spec.tls (no hosts) names no Secret. Set spec.tls[].secretName, or tls.certificateRefs of the listener.',
    ]);
  });

  it('without hosts', () => {
    assert.deepEqual(answerToEntry({ secretName: 'bad-tls', hosts: [] }), {
      messages: [
        'The entry of spec.tls for Secret bad-tls lists no hosts. List the hosts of the certificate under spec.tls[].hosts.',
      ],
      ordered: {},
    });
  });

  const correct = 'Correct or remove the host in spec.tls, the listener or the HTTPRoute.';
  const hosts = {
    'a wildcard': [
      '*.example.com',
      'Host *.example.com is a wildcard, which HTTP-01 cannot validate. List each host by name; or ask the cluster operator for DNS-01 (LEGO_DNS_ZONES, docs/dns-01.md), and set no kube-lego.io/challenge: http-01.',
    ],
    'an IPv4 address': ['192.0.2.7', `Host 192.0.2.7 is an IP address, not a DNS name. ${correct}`],
    'an IPv6 address': ['2001:db8::7', `Host 2001:db8::7 is an IP address, not a DNS name. ${correct}`],
    'a label of 64 characters': [
      `${'a'.repeat(64)}.com`,
      `Host ${'a'.repeat(64)}.com has a label of 64 characters; DNS allows 63 between two dots. ${correct}`,
    ],
    'a host of 254 characters': [
      `${`${'b'.repeat(59)}.`.repeat(4)}example.stores`,
      `Host ${'b'.repeat(40)}… has more characters than the 253 that a DNS name may have. ${correct}`,
    ],
    'a single label': [
      'shop',
      `Host shop is a single label; a CA needs the full name, such as shop.example.com. ${correct}`,
    ],
    'a private name': [
      'db.internal',
      `Host db.internal ends in .internal, which is reserved for private networks (ICANN, 2024): no public CA can certify it. ${correct}`,
    ],
    'a malformed international name': [
      'xn--99999999999.com',
      `Host xn--99999999999.com has the label xn--99999999999, which is not a valid internationalised (xn--) name. ${correct}`,
    ],
    'an empty host': ['', `An empty host cannot have a certificate. ${correct}`],
  } as const;
  for (const [what, [host, message]] of Object.entries(hosts)) {
    it(`with ${what}; the other hosts of the entry are ordered`, () => {
      assert.deepEqual(answerToEntry({ secretName: 'bad-tls', hosts: [host, 'fine.example.com'] }), {
        messages: [message],
        ordered: { 'bad-tls': ['fine.example.com'] },
      });
      assert.deepEqual(answerToEntry({ secretName: 'bad-tls', hosts: [host] }), {
        messages: [message],
        ordered: {},
      });
    });
  }

  it('with a bad host twice: it is said once', () => {
    assert.equal(answerToEntry({ secretName: 'bad-tls', hosts: ['shop', 'shop'] }).messages.length, 1);
  });

  it('with 101 hosts', () => {
    const many = Array.from({ length: 101 }, (_, index) => `h${index}.example.com`);
    assert.deepEqual(answerToEntry({ secretName: 'bad-tls', hosts: many }), {
      messages: [
        'Secret bad-tls would need a certificate for 101 hosts; the CA allows 100. Spread the hosts over several Secrets: each an entry of spec.tls, or a listener, of its own. Teams that share a Gateway get a ListenerSet each.',
      ],
      ordered: {},
    });
  });

  it('of which not all hosts could be read: none is ordered', () => {
    const entry = { secretName: 'bad-tls', hosts: ['a.example.com'], incomplete: true } as const;
    assert.deepEqual(answerToEntry(entry), { messages: [], ordered: {} });
  });

  it('whose message does not grow with what it contains', () => {
    const many = Array.from({ length: 500 }, (_, index) => `h${index}.example.com`);
    assert.deepEqual(answerToEntry({ secretName: undefined, hosts: many }).messages, [
      'An entry of spec.tls (h0.example.com, h1.example.com, h2.example.com, h3.example.com, h4.example.com and 495 more) names no Secret. Set spec.tls[].secretName, or tls.certificateRefs of the listener.',
    ]);
    const { messages } = answer({ tls: [good], ruleHosts: [...good.hosts, ...many] });
    assert.equal(messages.length, 21);
    assert.match(messages[20] ?? '', /^There are 480 more like these\./);
  });
});

describe('a host with a rule', () => {
  it('that is not in spec.tls is pointed out and not ordered', () => {
    assert.deepEqual(answer({ tls: [good], ruleHosts: ['good.example.com', 'plain.example.com'] }), {
      messages: [
        'Host plain.example.com has a rule but is not in spec.tls, so it gets no certificate. Add the host to spec.tls if it should have a certificate.',
      ],
      ordered: { 'good-tls': ['good.example.com'] },
    });
  });

  it('that stands in a bad entry of spec.tls gets the one message of that entry', () => {
    const { messages } = answer({
      tls: [{ secretName: undefined, hosts: ['a.example.com'] }],
      ruleHosts: ['a.example.com'],
    });
    assert.equal(messages.length, 1);
  });
});

describe('an Ingress that is refused as a whole', () => {
  it('carries the annotation of cert-manager too', () => {
    assert.deepEqual(answer({ certManager: true }), {
      messages: [
        "The Ingress also has an issuer annotation of cert-manager. Remove either cert-manager's annotations or kubernetes.io/tls-acme, so that one controller manages it.",
      ],
      ordered: {},
    });
  });

  it('asks for a kind of key that there is not', () => {
    assert.deepEqual(answer({ keyType: 'rsa-1024' }), {
      messages: [
        'Key type rsa-1024 is unknown. Set kube-lego.io/key-type to ec-p256, rsa-2048, rsa-3072 or rsa-4096, or remove it.',
      ],
      ordered: {},
    });
  });

  it('has an annotation that is longer than any value of it', () => {
    const excess = { entries: 0, tlsHosts: 0, ruleHosts: 0, annotations: ['kube-lego.io/profile'] };
    assert.deepEqual(answer({ excess }), {
      messages: [
        'The value of the annotation kube-lego.io/profile is too long. Correct or remove the annotation: a value has at most 64 characters.',
      ],
      ordered: {},
    });
  });

  it('but not one whose retry annotation is too long: that one is only not acted on', () => {
    const excess = { entries: 0, tlsHosts: 0, ruleHosts: 0, annotations: ['kube-lego.io/retry'] };
    const { messages, ordered } = answer({ tls: [good], excess });
    assert.equal(messages.length, 1);
    assert.deepEqual(ordered, { 'good-tls': good.hosts });
  });

  it('but not one that is larger than what is read of it', () => {
    const excess = { entries: 5800, tlsHosts: 138_000, ruleHosts: 0, annotations: [] };
    assert.deepEqual(answer({ tls: [good], excess }), {
      messages: [
        'The Ingress is too large: 5800 entries of spec.tls, 138000 hosts under spec.tls were not read. ' +
          'Spread the hosts over several objects: of an Ingress, kube-lego reads 200 entries of spec.tls, 2000 hosts in them, and 2000 hosts of spec.rules; of a Gateway or ListenerSet 64 listeners, each with 64 certificateRefs.',
      ],
      ordered: { 'good-tls': good.hosts },
    });
  });

  it('is of a class that LEGO_SUPPORTED_INGRESS_CLASS does not list', () => {
    assert.deepEqual(
      answer(
        { ingressClass: { form: 'annotation', name: 'traefik' } },
        { supportedClasses: ['nginx', 'gce'] },
      ),
      {
        messages: [
          'The Ingress is of class traefik, which is not supported. Use a supported class, or add this one to LEGO_SUPPORTED_INGRESS_CLASS.',
        ],
        ordered: {},
      },
    );
  });

  it('names no class where only some are supported', () => {
    const { messages } = answer({ ingressClass: { form: 'none' } }, { supportedClasses: ['nginx'] });
    assert.deepEqual(messages, [
      'The Ingress names no class, and only some classes are supported. Use a supported class, or add this one to LEGO_SUPPORTED_INGRESS_CLASS.',
    ]);
  });

  it('but not one that names no class where the default one is supported', () => {
    const policy = { supportedClasses: ['nginx'], defaultClass: 'nginx' };
    assert.deepEqual(answer({ tls: [good], ingressClass: { form: 'none' } }, policy), {
      messages: [],
      ordered: { 'good-tls': ['good.example.com'] },
    });
  });
});
