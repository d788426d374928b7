import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { createActor } from 'xstate';
import { type CertificateInput, certificateMachine } from '../../machines/ingress/certificate.ts';
import type { SupervisorEvent } from '../../machines/supervisor/supervisor-messages.ts';
import { Rounds } from '../../src/actors/rounds.ts';
import type { OrderJournal } from '../../src/journal/order-journal.ts';
import { exemptionOf, unfinishedOrder, wantedOrder } from '../../src/steps/order-record.ts';
import { memoryJournal, noUnfinishedOrders } from '../journal/memory-journal.ts';
import { certificateInput, desiredCertificate, route } from '../machines/builders.ts';

const { signal } = new AbortController();
const desired = desiredCertificate({ hosts: [route('a.example.com'), route('dead.example.com')] });
const whole = certificateInput({ desired });
/** Without the host that fails, because the certificate is about to expire. */
const rescue = certificateInput({ desired, hosts: [route('a.example.com')], rescue: true });

describe('a slot that a round has lent', () => {
  function lending() {
    const told: SupervisorEvent['type'][] = [];
    const rounds = new Rounds(
      ({ type }) => void told.push(type),
      () => undefined,
    );
    return { rounds, told };
  }

  it('is asked for again, and is there when the supervisor grants it', async () => {
    const { rounds, told } = lending();
    rounds.lendSlot('1');
    let isBack = false;
    const reclaimed = rounds.reclaimSlot('1', signal).then(() => {
      isBack = true;
    });
    rounds.grantSlot('2', 0);
    await new Promise(setImmediate);
    assert.deepEqual([told, isBack], [['SLOT_LENT', 'SLOT_RECLAIMED'], false]);
    rounds.grantSlot('1', 0);
    await reclaimed;
  });

  it('is not waited for when the round ends', async () => {
    const { rounds } = lending();
    const end = new AbortController();
    const reclaimed = rounds.reclaimSlot('1', end.signal);
    end.abort(new Error('the round has ended'));
    await assert.rejects(reclaimed, /the round has ended/);
    rounds.grantSlot('1', 0);
  });
});

describe('a round with an order that the CA has made', () => {
  let journal: OrderJournal;
  beforeEach(() => {
    journal = memoryJournal();
  });

  /** An earlier round has left its order. */
  async function leave(input: CertificateInput): Promise<void> {
    const order = { ...wantedOrder(noUnfinishedOrders(), input), keyPem: 'key', exemption: 'none' } as const;
    const entry = await journal.begin(order, signal);
    await journal.place(entry, 'https://ca.example/order/1', signal);
  }

  /** The exemption from rate limits that the supervisor hears of. */
  function exemption(input: CertificateInput): string {
    const told: SupervisorEvent[] = [];
    const rounds = new Rounds(
      (event) => told.push(event),
      () => undefined,
    );
    const options = { ...noUnfinishedOrders(), journal };
    const round = rounds.logic((one) => exemptionOf(unfinishedOrder(options, one), one));
    createActor(certificateMachine.provide({ actors: { round } }), { input })
      .start()
      .stop();
    const [started] = told;
    assert.equal(started?.type, 'ROUND_STARTED');
    return started.round.exemption;
  }

  for (const [name, input] of [
    ['all hosts', whole],
    ['a rescue', rescue],
  ] as const) {
    it(`for ${name} waits for no limit: the order is counted`, async () => {
      assert.equal(exemption(input), 'none');
      await leave(input);
      assert.equal(exemption(input), 'ari');
    });
  }

  it('for other hosts waits for the limits', async () => {
    await leave(whole);
    assert.equal(exemption(rescue), 'none');
  });
});
