import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { describe, test } from 'node:test';
import { type AccountOptions, AccountStore } from '../../../src/acme/account/account.ts';
import { AccountError } from '../../../src/acme/account/account-error.ts';
import { BorrowedKey } from '../../../src/acme/account/borrowed-key.ts';
import { accountKeyTypes } from '../../../src/acme/protocol/account-key.ts';
import { CaClock } from '../../../src/acme/transport/ca-clock.ts';
import { AcmeTransport } from '../../../src/acme/transport/transport.ts';
import { ScriptedCa } from '../../ca/ca.ts';
import { problemAnswer } from '../../ca/faults.ts';
import type { CaOptions } from '../../ca/options.ts';
import { ManualClock } from '../../time/manual-clock.ts';
import { DirectConnection } from '../direct-connection.ts';
import { newKeyPem } from '../keys.ts';
import { MemoryStore } from '../memory-store.ts';

const { signal } = new AbortController();
const hmacKey = Buffer.alloc(32, 7).toString('base64url');
const externalAccounts = { 'kid-1': hmacKey };
const externalAccount = { keyId: 'kid-1', hmacKey };

/** A strict CA, and an account Secret that exists already if `data` is given. */
function world(caOptions: Partial<CaOptions>, data?: Readonly<Record<string, string>>) {
  const clock = new ManualClock();
  const ca = new ScriptedCa({ now: () => clock.now(), validate: () => Promise.resolve('ok'), ...caOptions });
  const connection = new DirectConnection(ca);
  const caClock = new CaClock(clock);
  const transport = new AcmeTransport({ clock: caClock, userAgent: 'test', connection });
  const store = new MemoryStore(data);
  const open = (changes: Partial<AccountOptions> = {}): AccountStore =>
    new AccountStore({ transport, store, clock: caClock, directoryUrl: ca.directoryUrl, ...changes });
  return { ca, clock, connection, store, open };
}

async function refusal(work: Promise<unknown>): Promise<AccountError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert(error instanceof AccountError, String(error));
  return error;
}

function keyIn(store: MemoryStore): { type: string | undefined; details: object | undefined } {
  const key = createPrivateKey(store.text('tls.key') ?? '');
  return { type: key.asymmetricKeyType, details: key.asymmetricKeyDetails };
}

describe('the look-up of an account that the CA refuses', () => {
  const elsewhere = {
    'acme-registration-url': 'https://other.example/account/1',
    'acme-directory-url': 'https://other.example/directory',
  };

  for (const [name, fields] of Object.entries({
    'moved here from another CA': elsewhere,
    'whose first registration was lost': {},
    'of 2016': { 'acme-registration-url': 'https://acme-v01.api.letsencrypt.org/acme/reg/1' },
  })) {
    test(`an account ${name} is registered with the binding and its own key`, async () => {
      const key = newKeyPem();
      const { connection, store, open } = world(
        { externalAccounts, boundLookUps: true },
        { 'tls.key': key, ...fields },
      );
      const { url } = await open({ externalAccount, email: 'ops@example.com' }).ensureAccount(signal);
      assert.equal(store.text('acme-registration-url'), url);
      assert.equal(store.text('tls.key'), key);
      assert.deepEqual(
        connection.exchanged.filter(({ endpoint }) => endpoint === 'new-account').map(({ status }) => status),
        [403, 201],
      );
    });
  }

  test('an account that the CA has is found by its registration', async () => {
    const { connection, store, open } = world({ externalAccounts, boundLookUps: true });
    const { url } = await open({ externalAccount }).ensureAccount(signal);
    const again = open({
      externalAccount,
      store: new MemoryStore({ 'tls.key': store.text('tls.key') ?? '' }),
    });
    assert.equal((await again.ensureAccount(signal)).url, url);
    assert.equal(connection.exchanged.findLast(({ endpoint }) => endpoint === 'new-account')?.status, 200);
  });

  for (const type of ['malformed', 'unauthorized', 'userActionRequired', 'serverPolicy']) {
    test(`for another reason (${type}) it is registered, too`, async () => {
      const { ca, open } = world({}, { 'tls.key': newKeyPem() });
      ca.faults.next('new-account', problemAnswer(403, type, 'onlyReturnExisting is not supported'));
      await open().ensureAccount(signal);
    });
  }

  for (const answer of [
    problemAnswer(429, 'rateLimited', 'too many requests', { 'retry-after': '60' }),
    problemAnswer(503, 'rateLimited', 'Service busy; retry later.', { 'retry-after': '60' }),
    problemAnswer(403, 'unauthorized', 'Account is deactivated'),
  ]) {
    test(`but not if it is refused with ${answer.body}`, async () => {
      const { ca, connection, open } = world({}, { 'tls.key': newKeyPem() });
      ca.faults.next('new-account', answer);
      await refusal(open().ensureAccount(signal));
      assert.equal(connection.count('new-account'), 1);
    });
  }
});

describe('a registration that the CA refuses', () => {
  const message = async (
    caOptions: Partial<CaOptions>,
    options: Partial<AccountOptions> = {},
  ): Promise<string> => (await refusal(world(caOptions).open(options).ensureAccount(signal))).message;

  test('says that an e-mail address is missing, or that it is wrong', async () => {
    assert.match(await message({ contactRequired: true }), /is required\. Set LEGO_EMAIL: the CA wants/);
    const wrong = { email: 'ops@localhost' };
    assert.match(await message({}, wrong), /invalid address\. Correct LEGO_EMAIL\.$/);
    const both = { externalAccount };
    assert.match(await message({ contactRequired: true, externalAccounts }, both), /Set LEGO_EMAIL:/);
  });

  test('says that the binding is missing, or what is wrong with it', async () => {
    assert.match(await message({ externalAccounts }), /set LEGO_EAB_KID and LEGO_EAB_HMAC_KEY\.$/);
    for (const wrong of [
      { keyId: 'kid-2', hmacKey },
      { keyId: 'kid-1', hmacKey: Buffer.alloc(32, 8).toString('base64url') },
    ]) {
      assert.match(await message({ externalAccounts }, { externalAccount: wrong }), /Check LEGO_EAB_KID and/);
    }
  });

  test('is tried again by the next process at once, unless it was a rate limit', async () => {
    const { ca, open } = world({ contactRequired: true });
    ca.faults.next(
      'new-account',
      problemAnswer(403, 'malformed', 'A contact is required', { 'retry-after': '86400' }),
    );
    assert.match((await refusal(open().ensureAccount(signal))).message, /Set LEGO_EMAIL/);
    await open({ email: 'ops@example.com' }).ensureAccount(signal);
  });
});

describe('a CA that does not accept the type of the account key', () => {
  const keyTypes = accountKeyTypes;

  for (const [algorithm, type, details] of [
    ['RS256', 'rsa', { modulusLength: 2048 }],
    ['ES384', 'ec', { namedCurve: 'secp384r1' }],
  ] as const) {
    test(`gets a key for ${algorithm} in place of the new one`, async () => {
      const { ca, connection, store, open } = world({ algorithms: [algorithm] });
      const replaced: string[] = [];
      const held = open({ keyTypes, onKeyReplaced: (to) => replaced.push(to) });
      const { url, thumbprint } = await held.ensureAccount(signal);
      assert.equal(keyIn(store).type, type);
      assert.partialDeepStrictEqual(keyIn(store).details, details);
      assert.deepEqual(replaced.length, 1);
      assert.equal(held.thumbprint(), thumbprint);
      assert.equal(connection.count('new-account'), 2);
      const next = await open({ keyTypes }).ensureAccount(signal);
      assert.deepEqual([next.url, next.thumbprint], [url, thumbprint]);
      assert.ok(ca.accounts.byUrl(url));
    });
  }

  test('gets it also in place of a key whose registration was refused by an earlier process', async () => {
    const { store, open } = world({ algorithms: ['RS256'] }, { 'tls.key': newKeyPem() });
    await open({ keyTypes }).ensureAccount(signal);
    assert.equal(keyIn(store).type, 'rsa');
  });

  test('which it says without a list of algorithms, gets an RSA key', async () => {
    const { ca, store, open } = world({});
    ca.faults.next('new-account', problemAnswer(400, 'badPublicKey', 'EC keys are not supported'));
    await open({ keyTypes }).ensureAccount(signal);
    assert.equal(keyIn(store).type, 'rsa');
  });

  test('gets the configured type from the start', async () => {
    const { connection, store, open } = world({ algorithms: ['RS256'] });
    await open({ keyTypes: ['rsa-3072'] }).ensureAccount(signal);
    assert.partialDeepStrictEqual(keyIn(store).details, { modulusLength: 3072 });
    assert.equal(connection.count('new-account'), 1);
  });

  for (const field of [
    'acme-registration-url',
    'acme-registration.json',
    'rehearsal-acme-registration-url',
  ]) {
    test(`never in place of a key that is registered (${field}): people are told how to get another`, async () => {
      const key = newKeyPem();
      const { store, open } = world(
        { algorithms: ['RS256'] },
        { 'tls.key': key, [field]: 'https://a.example/1' },
      );
      const { message } = await refusal(open({ keyTypes }).ensureAccount(signal));
      assert.equal(store.text('tls.key'), key);
      assert.match(
        message,
        /does not accept the type of the key in Secret kube-lego\/kube-lego-account \(it accepts RS256\), and this key is kept\. Set LEGO_SECRET_NAME to a new name and LEGO_ACCOUNT_KEY_TYPE to rsa-2048/,
      );
    });
  }

  test('never for a staging CA, which uses the key of the other one', async () => {
    const key = newKeyPem();
    const { store, open } = world({ algorithms: ['RS256'] }, { 'tls.key': key });
    await refusal(open({ store: new BorrowedKey(store) }).ensureAccount(signal));
    assert.equal(store.text('tls.key'), key);
  });

  test('never against the configured type', async () => {
    const { store, open } = world({ algorithms: ['RS256'] });
    await refusal(open({ keyTypes: ['ec-p256'] }).ensureAccount(signal));
    assert.equal(keyIn(store).type, 'ec');
  });

  test('never if another client has written the Secret in the meantime', async () => {
    const { ca, store, open } = world({}, { 'tls.key': newKeyPem() });
    ca.faults.script('new-account', () => {
      store.touch();
      return problemAnswer(400, 'badPublicKey', 'EC keys are not supported');
    });
    const error = await refusal(open({ keyTypes }).ensureAccount(signal));
    assert.deepEqual([error.kind, error.transient], ['secret-changed', true]);
    assert.equal(keyIn(store).type, 'ec');
  });
});
