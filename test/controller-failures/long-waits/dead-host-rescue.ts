import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Authority } from '../../../deploy/local/authority.ts';
import { assertStored } from '../../controller/certificate.ts';
import { saidOf } from '../../kubernetes/records/written-status.ts';
import { eventually } from '../../time/eventually.ts';
import { ingress, ingressPath, secret } from '../objects.ts';
import { type Stage, startStage } from '../stage.ts';
import { inTurn } from './starts.ts';

const day = 24 * 3_600_000;
const environment = { LEGO_CHECK_INTERVAL: '5s' };
const alive = ['one.example.com', 'two.example.com'];
const dead = 'dead.example.com';
const tls = { 'shared-tls': [...alive, dead] };

let stage: Stage;

/** Nine tenths of the certificate's life are over. */
async function putEndingCertificate(): Promise<void> {
  const authority = new Authority('The CA of before');
  const issued = authority.issue({
    hosts: tls['shared-tls'],
    notBefore: Date.now() - 81 * day,
    notAfter: Date.now() + 9 * day,
  });
  const metadata = {
    labels: { 'app.kubernetes.io/managed-by': 'kube-lego' },
    annotations: { 'kube-lego.io/directory': stage.directoryUrl },
  };
  const data = { 'tls.crt': issued.chainPem, 'tls.key': issued.keyPem };
  await stage.apply(secret('shop/shared-tls', data, { metadata }));
}

/** Declares the tests. */
export function deadHostRescue(): void {
  describe('a certificate that is about to end, with a dead host among others', {
    concurrency: 1,
  }, () => {
    before(() =>
      inTurn(async () => {
        stage = await startStage({ namespaces: ['shop'] });
        await stage.world.dns.setNoAddress(dead);
        await putEndingCertificate();
        await stage.startController(environment);
        await stage.apply(ingress('shop/shared', { tls }));
      }),
    );
    after(() => stage.stop());

    it('is not ordered for as long as the failure is new', async () => {
      const message = await stage.untilWarned('shop/shared', 'SelfCheckFailed');
      assert.match(message, /dead\.example\.com/);
      assert.equal(await stage.orders(), 0);
    });

    it('is ordered once without it at the next attempt, and people are told', async () => {
      // The first step of the back-off is a minute, and the self-check of the dead host takes half a one.
      await eventually('an order was made', async () => (await stage.orders()) === 1, 240_000);
      assert.match(
        await stage.untilWarned('shop/shared', 'HostLeftOut'),
        /^Host dead\.example\.com is left out of the certificate in Secret shared-tls/,
      );
      await assertStored(stage, 'shop/shared-tls', alive);
    });

    it('orders nothing for it while it is dead, also after a restart', async () => {
      await stage.untilState('shop/shared', 'backing-off');
      await stage.controller.kill();
      await stage.startController(environment);
      await stage.untilState('shop/shared', 'backing-off');
      await eventually('the status names it', async () => {
        const status = saidOf(await stage.object(ingressPath('shop/shared')));
        return /HostLeftOut.*dead\.example\.com/.test(status);
      });
      assert.equal(await stage.orders(), 1);
    });

    it('takes it back when its owner says that it is mended and it passes', async () => {
      await stage.world.dns.clearA(dead);
      await stage.apply(ingress('shop/shared', { tls, annotations: { 'kube-lego.io/retry': 'mended' } }));
      await stage.untilIssued('shop/shared');
      await assertStored(stage, 'shop/shared-tls', tls['shared-tls']);
      assert.equal(await stage.orders(), 2);
    });
  });
}
