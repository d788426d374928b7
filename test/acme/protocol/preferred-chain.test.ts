import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { preferredChain } from '../../../src/acme/protocol/preferred-chain.ts';
import { day, TestCa } from '../../certificate/test-ca.ts';

describe('the preferred chain', () => {
  const now = Date.now();
  const older = new TestCa('Older, (Root)');
  const root = new TestCa('Root');
  const intermediate = new TestCa('Intermediate', root);
  const { certificatePem: leaf } = intermediate.leaf({ dnsNames: ['a.example'] });
  const short = [leaf, intermediate.certificatePem].join('\n');
  const long = [leaf, intermediate.certificatePem, root.crossSigned(older, now - day, now + day)].join('\n');

  it('is the one whose last certificate has this issuer, whatever its place among the chains', () => {
    for (const chains of [
      [short, long],
      [long, short],
    ]) {
      assert.equal(preferredChain(chains, 'Root'), short);
      assert.equal(preferredChain(chains, 'Older, (Root)'), long);
    }
  });

  it('is the first one of several that are equally good', () => {
    assert.equal(preferredChain([`${short}\n`, short], 'Root'), `${short}\n`);
  });

  it('is none where nobody has this issuer, what is no certificate among them', () => {
    const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
    assert.equal(preferredChain([short, long, broken, ''], 'Roo'), undefined);
    assert.equal(preferredChain([broken, short], 'Root'), short);
  });
});
