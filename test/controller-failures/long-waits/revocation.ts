import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { arrayField, recordField, stringField } from '../../../src/process/json.ts';
import type { CaEvent } from '../../ca/options.ts';
import { type Outcome, runCommand } from '../../commands/command-run.ts';
import { eventually } from '../../time/eventually.ts';
import { ingress, ingressPath, secret, secretPath } from '../objects.ts';
import { type Stage, startStage } from '../stage.ts';
import { StrictCa } from '../strict-ca.ts';
import { inTurn } from './starts.ts';

const requests = secretPath('kube-lego/kube-lego-revocations');

let stage: Stage;
let ca: StrictCa;
const happened: CaEvent[] = [];

async function revoke(...argv: string[]): Promise<Outcome> {
  return runCommand(stage, 'revoke', argv, ca.environment);
}

/** `tls.crt` and `tls.key` of a Secret, PEM. */
async function pairIn(key: string): Promise<{ readonly chain: string; readonly key: string }> {
  const data = recordField(await stage.object(secretPath(key)), 'data');
  const text = (field: string) => Buffer.from(stringField(data, field) ?? '', 'base64').toString();
  return { chain: text('tls.crt'), key: text('tls.key') };
}

function madeOf(type: 'issued' | 'revoked'): number {
  return happened.filter((event) => event.type === type).length;
}

/** Declares the tests. */
export function revocation(): void {
  describe('with the commands of an account', { concurrency: 1 }, () => {
    before(() =>
      inTurn(async () => {
        stage = await startStage({ namespaces: ['shop', 'blog'] });
        ca = await StrictCa.start(stage, { onEvent: (event) => void happened.push(event) });
        await stage.startController(ca.environment);
        await stage.apply(
          ingress('shop/web', { tls: { 'web-tls': ['web.example.com'] } }),
          ingress('shop/api', { tls: { 'api-tls': ['api.example.com'] } }),
        );
        await stage.untilIssued('shop/web', 'shop/api');
      }),
    );
    after(async () => {
      await stage.stop();
      await ca[Symbol.asyncDispose]();
    });

    describe('kube-lego revoke', { concurrency: 1 }, () => {
      it('says what it would do, and does nothing without consent', async () => {
        const dry = await revoke('shop/web-tls', '--reason', 'keyCompromise', '--dry-run');
        assert.equal(dry.code, 0, dry.errors);
        assert.match(dry.output, /Hosts +web\.example\.com/);
        assert.match(dry.output, /Ingress shop\/web gets a new certificate first/);
        const unasked = await revoke('shop/web-tls', '--reason', 'keyCompromise');
        assert.deepEqual([unasked.code, /add --yes/.test(unasked.errors)], [2, true]);
        assert.equal((await revoke('shop/none', '--reason', 'superseded', '--yes')).code, 1);
        const elsewhere = { ...ca.environment, LEGO_NAMESPACE: 'nowhere' };
        const asked = ['shop/web-tls', '--reason', 'superseded', '--yes'];
        const lost = await runCommand(stage, 'revoke', asked, elsewhere);
        assert.equal(lost.code, 1);
        assert.match(
          lost.errors,
          /Nobody leads, by Lease nowhere\/kube-lego.*Set LEGO_NAMESPACE to the namespace/s,
        );
        assert.equal(await stage.object(requests), undefined);
      });

      it('revokes no certificate of others that a tenant puts into a Secret, and heeds no annotation', async () => {
        const { chain } = await pairIn('shop/web-tls');
        const annotations = {
          'kube-lego.io/revoke': 'keyCompromise',
          'kube-lego.io/directory': ca.environment['LEGO_URL'],
        };
        await stage.apply(
          secret('blog/copy', { 'tls.crt': chain, 'tls.key': 'no key' }, { metadata: { annotations } }),
        );
        const forged = await revoke('blog/copy', '--reason', 'keyCompromise', '--yes');
        assert.equal(forged.code, 1);
        assert.match(forged.errors, /no record of having been issued it for this namespace/);
        assert.equal(await stage.object(requests), undefined);
      });

      it('has a compromised key replaced first, and the old certificate served until then', async () => {
        const before = await pairIn('shop/web-tls');
        const issued = madeOf('issued');
        const { code, errors, output } = await revoke('shop/web-tls', '--reason', 'keyCompromise', '--yes');
        assert.equal(code, 0, `${errors}\n${output}`);
        assert.match(output, /waits until the Secret has a new certificate/);
        assert.match(output, /It was revoked at \S+ \(keyCompromise\)/);
        const after = await pairIn('shop/web-tls');
        assert.notEqual(
          new X509Certificate(after.chain).serialNumber,
          new X509Certificate(before.chain).serialNumber,
        );
        assert.notEqual(after.key, before.key);
        assert.equal(madeOf('issued'), issued + 1);
        const order = happened.filter(({ type }) => type === 'issued' || type === 'revoked').slice(issued);
        assert.deepEqual(
          order.map(({ type }) => type),
          ['issued', 'revoked'],
        );
        assert.partialDeepStrictEqual(order[1], { reason: 1, byKey: true });
        for (const value of Object.values(recordField(await stage.object(requests), 'data') ?? {})) {
          assert.doesNotMatch(Buffer.from(String(value), 'base64').toString(), /PRIVATE KEY/);
        }
        await eventually('an Event says so', async () => {
          const list = await stage.object('/api/v1/namespaces/shop/events');
          return arrayField(list, 'items').some(
            (event) => stringField(event, 'reason') === 'CertificateRevoked',
          );
        });
        const { serialNumber } = new X509Certificate(before.chain);
        const asked = ['shop/web-tls', '--reason', 'keyCompromise', '--yes', '--serial'];
        const repeated = await revoke(...asked, serialNumber.toLowerCase());
        assert.equal(repeated.code, 0, repeated.errors);
        assert.match(repeated.output, /has another certificate now\.\nIt was revoked at/);
        const unknown = await revoke(...asked, 'BADC0DE0');
        assert.equal(unknown.code, 1);
        assert.match(
          unknown.errors,
          /does not hold the certificate with serial number BADC0DE0 but the one with/,
        );
        assert.equal(madeOf('revoked'), 1);
        const again = await pairIn('shop/web-tls');
        await stage.apply(secret('shop/web-tls', { 'tls.crt': before.chain, 'tls.key': before.key }));
        await stage.world.api.expect(ingressPath('shop/web'), {
          method: 'PATCH',
          contentType: 'application/merge-patch+json',
          body: { metadata: { annotations: { 'kube-lego.io/retry': 'restored' } } },
        });
        await eventually('a restored Secret with that key is replaced again', async () => {
          const { key } = await pairIn('shop/web-tls');
          return key !== before.key && key !== again.key;
        });
      });

      it('revokes at once where asked to, or where nobody asks for the certificate', async () => {
        const revoked = madeOf('revoked');
        await stage.world.api.expect(ingressPath('shop/api'), { method: 'DELETE' });
        const { code, output } = await revoke('shop/api-tls', '--reason', 'cessationOfOperation', '--yes');
        assert.equal(code, 0, output);
        assert.match(output, /No Ingress or Gateway gets another certificate/);
        assert.equal(madeOf('revoked'), revoked + 1);
        assert.partialDeepStrictEqual(
          happened.findLast(({ type }) => type === 'revoked'),
          { reason: 5, byKey: false },
        );
      });
    });

    describe('kube-lego account', { concurrency: 1 }, () => {
      const account = (...argv: string[]) => runCommand(stage, 'account', argv, ca.environment);

      it('shows the account, and no key', async () => {
        const { code, output } = await account();
        assert.equal(code, 0, output);
        assert.match(output, new RegExp(`CA +${ca.environment['LEGO_URL']}`));
        assert.match(output, /Status +valid/);
        assert.match(output, /Key +ES256, in Secret kube-lego\/kube-lego-account/);
        assert.match(output, /Thumbprint +[\w-]{43}\n/);
        assert.doesNotMatch(output, /PRIVATE/);
      });

      it('changes its key while certificates are ordered, and orders go on with the new one', async () => {
        const before = JSON.parse((await account('-o', 'json')).output);
        const hosts = Array.from({ length: 5 }, (_, index) => `roll${index}.example.com`);
        await stage.apply(
          ...hosts.map((host, index) =>
            ingress(`shop/roll${index}`, { tls: { [`roll${index}-tls`]: [host] } }),
          ),
        );
        const { code, errors, output } = await account('rollover', '--yes');
        assert.equal(code, 0, `${errors}\n${output}`);
        await stage.apply(ingress('shop/later', { tls: { 'later-tls': ['later.example.com'] } }));
        await stage.untilIssued('shop/later', ...hosts.map((_, index) => `shop/roll${index}`));
        const after = JSON.parse((await account('-o', 'json')).output);
        assert.equal(after.url, before.url);
        assert.equal(after.status, 'valid');
        assert.notEqual(after.thumbprint, before.thumbprint);
        const data = recordField(await stage.object(secretPath('kube-lego/kube-lego-account')), 'data') ?? {};
        assert.deepEqual(
          Object.keys(data).filter((field) => /key/i.test(field)),
          ['tls.key'],
        );
        assert.deepEqual(
          happened.filter(
            (event) => event.type === 'request' && event.endpoint === 'challenge' && event.status >= 400,
          ),
          [],
        );
      });
    });
  });
}
