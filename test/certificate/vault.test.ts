import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { Vault } from '../../src/certificate/vault.ts';

describe('the vault', () => {
  it('gives out an id that says nothing of the key', async () => {
    const vault = new Vault();
    const id = await vault.create('ec-p256');
    assert.match(id, /^[0-9a-f-]{36}$/);
    assert.equal(createPrivateKey(vault.keyPem(id)).asymmetricKeyDetails?.namedCurve, 'prime256v1');
  });

  it('makes RSA keys of the asked size', async () => {
    const vault = new Vault();
    const keyPem = vault.keyPem(await vault.create('rsa-3072'));
    assert.equal(createPrivateKey(keyPem).asymmetricKeyDetails?.modulusLength, 3072);
  });

  it('shows no key when it is printed or serialised', async () => {
    const vault = new Vault(async () => 'the key');
    await vault.create('ec-p256');
    assert.doesNotMatch(JSON.stringify(vault), /the key/);
  });

  it('forgets a key', async () => {
    const vault = new Vault();
    const id = await vault.create('ec-p256');
    vault.destroy(id);
    vault.destroy(id);
    assert.equal(vault.size, 0);
    assert.throws(() => vault.keyPem(id), /The vault has no key/);
  });

  it('makes at most two RSA keys at a time, and goes on after a failure', async () => {
    const started: ((keyPem: string) => void)[] = [];
    let failing = true;
    const vault = new Vault(async () => {
      if (failing) throw new Error('no entropy');
      return new Promise((resolve) => started.push(resolve));
    });
    await assert.rejects(vault.create('rsa-2048'), /no entropy/);
    failing = false;
    const ids = Promise.all([1, 2, 3, 4].map(() => vault.create('rsa-2048')));
    for (const finished of [0, 1, 2, 3]) {
      await setImmediate();
      assert.equal(started.length, Math.min(finished + 2, 4));
      started[finished]?.(`key ${finished}`);
    }
    assert.deepEqual(
      (await ids).map((id) => vault.keyPem(id)),
      ['key 0', 'key 1', 'key 2', 'key 3'],
    );
  });
});
