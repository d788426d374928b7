import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, test } from 'node:test';
import { AccountStore } from '../../../src/acme/account/account.ts';
import { placeOrder } from '../../../src/acme/order/order.ts';
import { OrderError } from '../../../src/acme/protocol/order-error.ts';
import { CaClock } from '../../../src/acme/transport/ca-clock.ts';
import { AcmeTransport } from '../../../src/acme/transport/transport.ts';
import { type VerifiedChain, verifyChain } from '../../../src/certificate/chain.ts';
import { type CommonName, createCsr } from '../../../src/certificate/making/csr.ts';
import { systemClock } from '../../../src/time/clock.ts';
import { ScriptedCa } from '../../ca/ca.ts';
import type { CaOptions } from '../../ca/options.ts';
import { presenterOf } from '../../challenges/presenter.ts';
import { DirectConnection } from '../direct-connection.ts';
import { newKeyPem } from '../keys.ts';
import { MemoryStore } from '../memory-store.ts';

const { signal } = new AbortController();
const hosts = ['b.example.com', 'a.example.com'];

/** From a new order at a strict CA to the chain that would be stored. */
async function issue(
  options: Partial<CaOptions>,
  commonName?: CommonName,
): Promise<VerifiedChain & { readonly connection: DirectConnection }> {
  const { connection, obtain } = world(options);
  return { ...(await obtain(commonName)), connection };
}

function world(options: Partial<CaOptions>) {
  const ca = new ScriptedCa({ now: () => Date.now(), validate: () => Promise.resolve('ok'), ...options });
  const connection = new DirectConnection(ca);
  const clock = new CaClock(systemClock);
  const { directoryUrl } = ca;
  const transport = new AcmeTransport({ clock, userAgent: 'test', connection });
  const accounts = new AccountStore({ transport, clock, store: new MemoryStore(), directoryUrl });
  const obtain = async (commonName?: CommonName): Promise<VerifiedChain> => {
    const keyPem = newKeyPem();
    const csr = createCsr(hosts, keyPem, commonName);
    const account = await accounts.ensureAccount(signal);
    const order = { account, transport, clock, signal, hosts, presenterOf, csr };
    const { chainPem } = await placeOrder(order);
    return verifyChain(chainPem, keyPem, hosts, Date.now());
  };
  return { ca, connection, obtain };
}

function certificatesIn(chainPem: string): X509Certificate[] {
  return chainPem
    .split(/(?<=-----END CERTIFICATE-----\n)/)
    .filter((pem) => pem !== '')
    .map((pem) => new X509Certificate(pem));
}

describe('a certificate of a CA', () => {
  test('that adds names is good, and people can know it', async () => {
    const { chainPem, notices } = await issue({ addedNames: (host) => [`www.${host}`] });
    assert.match(certificatesIn(chainPem)[0]?.subjectAltName ?? '', /DNS:www\.a\.example\.com/);
    assert.match(notices.join(), /^The CA added names .*: www\.a\.example\.com, www\.b\.example\.com\.$/);
  });

  for (const [name, sentChain] of Object.entries<NonNullable<CaOptions['sentChain']>>({
    'with the root': ({ leafPem, intermediatePem, rootPem }) => leafPem + intermediatePem + rootPem,
    'from the root downwards': ({ leafPem, intermediatePem, rootPem }) => rootPem + intermediatePem + leafPem,
    twice: ({ leafPem, intermediatePem }) => leafPem + leafPem + intermediatePem + intermediatePem,
    'with text between': ({ leafPem, intermediatePem }) => `subject=\r\n${leafPem}\r\n\r\n${intermediatePem}`,
  })) {
    test(`that sends the chain ${name} is stored as its leaf and the intermediate`, async () => {
      const { chainPem, notices } = await issue({ sentChain });
      const [leaf, issuer, ...others] = certificatesIn(chainPem);
      assert(leaf !== undefined && issuer !== undefined);
      assert.ok(leaf.verify(issuer.publicKey));
      assert.notEqual(issuer.subject, issuer.issuer);
      assert.deepEqual([others, notices], [[], []]);
    });
  }

  test('that sends the leaf alone is asked for it twice, and taken at its word', async () => {
    const { connection, notices } = await issue({ sentChain: ({ leafPem }) => leafPem });
    assert.equal(connection.count('certificate'), 2);
    assert.match(notices.join(), /without that of its issuer/);
  });

  test('that answers 200 for an order that was there before is used', async () => {
    const { connection, obtain, ca } = world({ existingOrderStatus: 200 });
    ca.faults.next('new-order', 'lost');
    await assert.rejects(obtain(), OrderError);
    await obtain();
    const orders = connection.exchanged.filter(({ endpoint }) => endpoint === 'new-order');
    assert.deepEqual(
      orders.map(({ status }) => status),
      [201, 200],
    );
  });

  test('that wants a common name has one, and says in its own words that it is missing', async () => {
    const options = { commonNameRequired: true };
    await issue(options, 'first');
    await assert.rejects(issue(options, 'none'), (error) => {
      assert(error instanceof OrderError);
      assert.equal(error.kind, 'csr-refused');
      assert.match(
        error.message,
        /The CSR has no common name in its subject\. Set LEGO_COMMON_NAME to first if the CA wants a common name/,
      );
      return true;
    });
  });
});
