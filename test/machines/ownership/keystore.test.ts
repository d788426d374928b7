import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KeystoreRequest } from '../../../machines/ownership/keystore.ts';
import { Ownership } from '../../../machines/ownership/ownership.ts';
import { ingressSpec, now, ownershipPolicy } from '../builders.ts';

function assignmentFor(keystore: KeystoreRequest | undefined) {
  const ownership = new Ownership(ownershipPolicy);
  ownership.set(ingressSpec({ keystore, ruleHosts: ['web.example.com'] }), now);
  ownership.settle(now);
  const {
    desired: [desired],
    notices = [],
  } = ownership.assignment('Ingress/shop/web') ?? { desired: [] };
  return { keystore: desired?.keystore, refused: desired?.refusedSetting, notices };
}

describe('the keystore that an Ingress asks for', () => {
  it('has its password in a Secret of the namespace', () => {
    const asked = assignmentFor({ type: ' PKCS12', password: 'java-apps/web.password ' });
    assert.deepEqual(asked.keystore, { passwordSecret: 'java-apps', passwordKey: 'web.password' });
    assert.deepEqual(asked.notices, []);
  });

  it('is none without annotations', () => {
    assert.deepEqual(assignmentFor(undefined).keystore, undefined);
  });

  for (const [what, request, message] of [
    ['of an unknown type', { type: 'jks', password: 'a/b' }, /Keystore type jks is unknown/],
    ['without its type', { type: undefined, password: 'a/b' }, /kube-lego\.io\/keystore is missing/],
    ['without a password', { type: 'pkcs12', password: undefined }, /does not say where the password/],
    ['with a Secret of another namespace', { type: 'pkcs12', password: 'other/a/b' }, /does not say/],
    ['with a path', { type: 'pkcs12', password: '../other/b' }, /does not say/],
    ['with a password itself', { type: 'pkcs12', password: 'changeit' }, /does not say/],
  ] as const) {
    it(`is refused ${what}, and the certificate is ordered all the same`, () => {
      const { keystore, refused, notices } = assignmentFor(request);
      assert.deepEqual([keystore, refused], [undefined, undefined]);
      assert.deepEqual(
        notices.map(({ code }) => code),
        ['UnsupportedKeystore'],
      );
      assert.match(notices[0]?.message ?? '', message);
    });
  }
});
