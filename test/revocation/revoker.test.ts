import assert from 'node:assert/strict';
import { createPublicKey, X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import type { RevocationReason, RevocationState } from '../../machines/revocation/revocation.ts';
import { AccountStore } from '../../src/acme/account/account.ts';
import { CaClock } from '../../src/acme/transport/ca-clock.ts';
import { AcmeTransport } from '../../src/acme/transport/transport.ts';
import { fingerprintOf } from '../../src/certificate/fingerprint.ts';
import { KubernetesError } from '../../src/kubernetes/client/kubernetes-error.ts';
import { keyFingerprintOf, type RevocationEntry } from '../../src/revocation/revocation-entry.ts';
import { RegisterFullError, RevocationRegister } from '../../src/revocation/revocation-register.ts';
import { Revoker } from '../../src/revocation/revoker.ts';
import { DirectConnection } from '../acme/direct-connection.ts';
import { newKeyPem } from '../acme/keys.ts';
import { MemoryStore } from '../acme/memory-store.ts';
import { ScriptedCa } from '../ca/ca.ts';
import type { CaEvent } from '../ca/options.ts';
import { SharedJournal } from '../journal/shared-journal.ts';
import { ManualClock } from '../time/manual-clock.ts';

const { signal } = new AbortController();
const day = 86_400_000;

/** The strict CA, a process that revokes, and the record of requests; the Secret has the certificate until a test changes that. */
async function startWorld() {
  const clock = new ManualClock();
  const revoked: Extract<CaEvent, { type: 'revoked' }>[] = [];
  const ca = new ScriptedCa({
    now: () => clock.now(),
    validate: () => Promise.resolve('ok'),
    onEvent: (event) => void (event.type === 'revoked' && revoked.push(event)),
  });
  const connection = new DirectConnection(ca);
  const caClock = new CaClock(clock);
  const transport = new AcmeTransport({ clock: caClock, userAgent: 'test', connection });
  const { directoryUrl } = ca;
  const accountOf = (store: MemoryStore) =>
    new AccountStore({ transport, directoryUrl, clock: caClock, store });
  const account = accountOf(new MemoryStore());
  const shared = new SharedJournal();
  const served = { same: true, replaceable: true, refusal: undefined as KubernetesError | undefined };
  /** Names of Secrets with which something unforeseen happens. */
  const odd = new Set<string>();
  const said = { forbidden: [] as string[], ended: [] as RevocationState[], troubles: [] as string[] };
  const open = () => {
    const register = new RevocationRegister({
      store: shared.open(),
      clock,
      onDamage: (trouble) => said.troubles.push(trouble),
    });
    const revoker = new Revoker({
      register,
      revoke: (certificate, limit) => account.revoke(certificate, limit),
      look: ({ secretName }) => {
        const refusal = odd.has(secretName) ? new TypeError('something odd') : served.refusal;
        return refusal === undefined ? Promise.resolve(served) : Promise.reject(refusal);
      },
      onForbidden: ({ secretName }) => said.forbidden.push(secretName),
      onEnd: (_, state) => said.ended.push(state),
      onTrouble: (error) => said.troubles.push(String(error)),
      clock,
      ca: { clock: caClock },
      signal,
    });
    return { register, revoker };
  };
  /** A certificate of the account, or of one with another key, and the request to revoke it. */
  const request = async (
    reason: RevocationReason,
    { by = account, keyKnown = true }: { by?: AccountStore; keyKnown?: boolean } = {},
  ): Promise<RevocationEntry> => {
    const { url } = await by.ensureAccount(signal);
    const keyPem = newKeyPem();
    const chainPem = ca.issuedBefore(
      {
        account: ca.accounts.byUrl(url),
        identifiers: [{ type: 'dns', value: 'web.example.com' }],
        profile: 'classic',
      },
      createPublicKey(keyPem).export({ type: 'spki', format: 'der' }),
      clock.now(),
    );
    const leaf = new X509Certificate(chainPem);
    return {
      fingerprint: fingerprintOf(leaf),
      keyFingerprint: keyFingerprintOf(leaf.publicKey),
      namespace: 'shop',
      secretName: 'web-tls',
      reason,
      replaceFirst: true,
      requestedAt: clock.now(),
      notAfter: clock.now() + 80 * day,
      state: { phase: 'requested' },
      hosts: ['web.example.com'],
      serial: leaf.serialNumber,
      certificatePem: leaf.toString(),
      ...(keyKnown ? { keyPem } : {}),
    };
  };
  return { accountOf, ca, clock, odd, open, request, revoked, said, served, shared };
}

describe('a requested revocation', () => {
  it('of a compromised key waits for a new certificate; then the key itself signs, and is kept no longer', async () => {
    const { clock, open, request, revoked, said, served, shared } = await startWorld();
    const { register, revoker } = open();
    const entry = await register.request(await request('keyCompromise'), signal);
    await revoker.workOff();
    clock.advance(3_600_000);
    await revoker.workOff();
    assert.deepEqual(said.forbidden, ['web-tls']);
    assert.equal(register.entries.get(entry.fingerprint)?.state.phase, 'replacing');
    assert.deepEqual(revoked, []);

    served.same = false;
    await revoker.workOff();
    assert.partialDeepStrictEqual(revoked, [{ reason: 1, byKey: true }]);
    assert.deepEqual(said.ended, [{ phase: 'revoked', at: clock.now() }]);
    assert.deepEqual(said.troubles, []);
    assert.doesNotMatch([...shared.entries.values()].join(), /PRIVATE KEY|BEGIN CERTIFICATE/);
    assert.equal(register.reasonFor(Buffer.from(entry.certificatePem ?? '')), 'keyCompromise');
    assert.equal(register.isCompromised(entry.keyPem ?? ''), true);
    assert.equal(register.isCompromised(newKeyPem()), false);
    await revoker.workOff();
    assert.equal(said.ended.length, 1);
  });

  it('is done if the answer was lost, or the process ended after it', async () => {
    const { ca, clock, open, request, revoked, said, served } = await startWorld();
    served.same = false;
    const { register, revoker } = open();
    const { fingerprint } = await register.request(await request('superseded'), signal);
    ca.faults.next('revoke-cert', 'lost');
    await revoker.workOff();
    const pending = register.entries.get(fingerprint)?.state;
    assert.equal(pending?.phase, 'revoking');
    assert.match((pending?.phase === 'revoking' && pending.trouble) || '', /connection broke off/);
    assert.equal(said.troubles.length, 1);

    const later = open();
    served.same = true;
    clock.advance(1000);
    await later.revoker.workOff();
    assert.deepEqual(later.register.entries.get(fingerprint)?.state, {
      phase: 'revoked',
      at: clock.now(),
      already: true,
    });
    assert.partialDeepStrictEqual(revoked, [{ reason: 4, byKey: false }]);
  });

  it('asks a CA that is busy again when it may, and not before', async () => {
    const { ca, clock, open, request, revoked, served } = await startWorld();
    served.same = false;
    const { register, revoker } = open();
    await register.request(await request('cessationOfOperation', { keyKnown: false }), signal);
    const busy = { status: 503, headers: { 'retry-after': '600' }, body: '' };
    ca.faults.next('revoke-cert', busy);
    await revoker.workOff();
    clock.advance(599_000);
    await revoker.workOff();
    assert.equal(revoked.length, 0);
    clock.advance(2000);
    await revoker.workOff();
    assert.partialDeepStrictEqual(revoked, [{ reason: 5, byKey: false }]);
  });

  it('of a certificate of another account is signed by its key, and refused without it, in the words of the CA', async () => {
    const { accountOf, open, request, revoked, said, served } = await startWorld();
    served.replaceable = false;
    const { register, revoker } = open();
    const other = accountOf(new MemoryStore());
    await register.request(await request('superseded', { by: other }), signal);
    await revoker.workOff();
    assert.partialDeepStrictEqual(revoked, [{ byKey: true }]);
    const unknown = await register.request(
      await request('superseded', { by: other, keyKnown: false }),
      signal,
    );
    await revoker.workOff();
    const state = register.entries.get(unknown.fingerprint)?.state;
    assert.match(
      (state?.phase === 'failed' && state.message) || '',
      /^Signed by the ACME account: .*unauthorized, HTTP 403.*did not issue the certificate/,
    );
    assert.equal(register.reasonFor(Buffer.from(unknown.certificatePem ?? '')), undefined);
    assert.equal(said.ended.length, 2);
  });

  it('that no usable account and no key can sign is given up when the certificate ends, and says so', async () => {
    const { accountOf, ca, clock, open, request, revoked, said, shared } = await startWorld();
    const { register, revoker } = open();
    const by = accountOf(new MemoryStore());
    const asked = await register.request(await request('superseded', { by, keyKnown: false }), signal);
    await register.advance(asked, { phase: 'revoking' }, signal);
    const type = 'urn:ietf:params:acme:error:userActionRequired';
    const refusal = {
      status: 403,
      headers: { 'content-type': 'application/problem+json' },
      body: JSON.stringify({ type, detail: 'Agree first' }),
    };
    ca.faults.next('new-account', ...Array.from({ length: 12 }, () => refusal));
    await revoker.workOff();
    clock.advance(79 * day);
    await revoker.workOff();
    assert.equal(register.entries.get(asked.fingerprint)?.state.phase, 'revoking');
    clock.advance(day);
    await revoker.workOff();
    const [state] = said.ended;
    assert.ok(state?.phase === 'failed');
    assert.match(state.message, /^It ended at .*Z, before the CA could be brought to revoke it: /);
    assert.deepEqual(revoked, []);
    assert.doesNotMatch([...shared.entries.values()].join(), /BEGIN CERTIFICATE/);
  });

  it('gets on in a record that has no room for another', async () => {
    const { open, request, served } = await startWorld();
    const { register, revoker } = open();
    served.same = false;
    const entry = await request('superseded');
    const filled = { ...entry, hosts: ['x'.repeat(899_000 - 5000)] };
    const asked = await register.request(filled, signal);
    await assert.rejects(
      register.request({ ...(await request('superseded')), hosts: ['x'.repeat(10_000)] }, signal),
      RegisterFullError,
    );
    const trouble = 't'.repeat(10_000);
    await register.advance(asked, { phase: 'revoking', trouble }, signal);
    await revoker.workOff();
    assert.equal(register.entries.get(entry.fingerprint)?.state.phase, 'revoked');
  });

  it('is lost to no other process that writes at the same time, and asked for once', async () => {
    const { open, request, shared } = await startWorld();
    const [command, leader] = [open().register, open().register];
    const first = await request('superseded');
    const second = await request('superseded');
    await Promise.all([command.request(first, signal), leader.request(second, signal)]);
    await leader.advance(second, { phase: 'replacing', at: second.requestedAt }, signal);
    const again = await command.request({ ...second, requestedAt: second.requestedAt + 1 }, signal);
    assert.equal(again.requestedAt, second.requestedAt);
    assert.deepEqual(
      [...shared.entries.keys()].toSorted(),
      [first.fingerprint, second.fingerprint].toSorted(),
    );
    // A worse reason takes its place; what was about the former one is written no more.
    await command.request(
      { ...second, reason: 'keyCompromise', requestedAt: second.requestedAt + 1 },
      signal,
    );
    await leader.advance(second, { phase: 'revoking' }, signal);
    assert.deepEqual(leader.entries.get(second.fingerprint)?.state, { phase: 'requested' });
  });

  it('is not in the way of another, whatever happens with its Secret, and says so once', async () => {
    const { odd, open, request, revoked, said, served } = await startWorld();
    served.same = false;
    odd.add('odd-tls');
    const { register, revoker } = open();
    await register.request({ ...(await request('superseded')), secretName: 'odd-tls' }, signal);
    await register.request(await request('superseded'), signal);
    await revoker.workOff();
    await revoker.workOff();
    assert.equal(revoked.length, 1);
    assert.deepEqual(said.troubles, ['TypeError: something odd']);
    odd.clear();
    await revoker.workOff();
    assert.equal(revoked.length, 2);
  });

  it('forbids no Secret whose certificate cannot be read, and goes on to judge the others', async () => {
    const { open, request } = await startWorld();
    const { register } = open();
    const { certificatePem = '', ...entry } = await request('keyCompromise');
    await register.request({ ...entry, certificatePem }, signal);
    const der = Buffer.from(new X509Certificate(certificatePem).raw);
    // A kind of key that OpenSSL does not know.
    der[der.indexOf(Buffer.from('06072a8648ce3d0201', 'hex')) + 8] = 0x55;
    assert.equal(register.reasonFor(der), undefined);
    assert.equal(register.reasonFor(Buffer.from(certificatePem)), 'keyCompromise');
  });

  it('waits no longer when that is asked for later, and remembers a compromise that is called another thing then', async () => {
    const { clock, open, request, revoked } = await startWorld();
    const { register, revoker } = open();
    const entry = await register.request(await request('keyCompromise'), signal);
    await revoker.workOff();
    assert.equal(revoked.length, 0);
    clock.advance(60_000);
    const again = { ...entry, requestedAt: clock.now(), state: { phase: 'requested' } } as const;
    await register.request({ ...again, reason: 'superseded' }, signal);
    await revoker.workOff();
    assert.equal(revoked.length, 0);
    await register.request({ ...again, reason: 'superseded', replaceFirst: false }, signal);
    await revoker.workOff();
    assert.partialDeepStrictEqual(revoked, [{ reason: 1, byKey: true }]);
    assert.equal(register.isCompromised(entry.keyPem ?? ''), true);
  });

  it('leaves a damaged entry alone, and says so once', async () => {
    const { open, request, said, shared } = await startWorld();
    shared.put('odd', '{"version": 1, "reason": "none"}');
    const { register, revoker } = open();
    await register.request(await request('unspecified'), signal);
    await revoker.workOff();
    assert.equal(said.troubles.length, 1);
    assert.match(said.troubles[0] ?? '', /entry odd .* cannot be read and is left alone/);
    assert.equal(shared.entries.get('odd'), '{"version": 1, "reason": "none"}');
  });

  it('waits for a Secret that cannot be read, which is said once', async () => {
    const { open, request, said, served } = await startWorld();
    const { register, revoker } = open();
    const { fingerprint } = await register.request(await request('superseded'), signal);
    served.refusal = new KubernetesError('Forbidden', 'secrets "web-tls" is forbidden');
    for (let pass = 0; pass < 3; pass += 1) await revoker.workOff();
    assert.equal(register.entries.get(fingerprint)?.state.phase, 'replacing');
    assert.equal(said.troubles.length, 1);
    served.refusal = undefined;
    await revoker.workOff();
    served.refusal = new KubernetesError('Forbidden', 'secrets "web-tls" is forbidden');
    await revoker.workOff();
    assert.equal(said.troubles.length, 2);
  });

  it('at once has its Secret replaced by the next process too, which may have checked it before', async () => {
    const { open, request, said, served } = await startWorld();
    const { register, revoker } = open();
    await register.request({ ...(await request('superseded')), replaceFirst: false }, signal);
    await revoker.workOff();
    assert.equal(said.ended.length, 1);
    served.same = true;
    await open().revoker.workOff();
    assert.deepEqual(said.forbidden, ['web-tls', 'web-tls']);
    assert.equal(said.ended.length, 1);
  });

  it('is found when the record can be read again; the trouble is said once', async () => {
    const { open, request, said, shared } = await startWorld();
    const { register, revoker } = open();
    await register.request(await request('unspecified'), signal);
    shared.refusal = new KubernetesError('Forbidden', 'secrets "kube-lego-revocations" is forbidden');
    await assert.rejects(revoker.workOff(), /forbidden/);
    shared.refusal = undefined;
    await revoker.workOff();
    assert.deepEqual(said.forbidden, ['web-tls']);
  });
});
