import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pino } from 'pino';
import type { IngressContext } from '../../machines/ingress/ingress-context.ts';
import {
  applyAssessments,
  applyOutcome,
  initialIngressContext,
} from '../../machines/ingress/ingress-updates.ts';
import { type StatusDocument, statusOf, statusOfWaiting } from '../../machines/ingress/status.ts';
import type { Failure } from '../../machines/reasons/reasons.ts';
import { Announcer } from '../../src/actors/announcer.ts';
import { assignment, day, hour, minute, now } from '../machines/builders.ts';
import { dueResult, validity } from '../machines/issuance.ts';

const unresolved: Failure = {
  code: 'SelfCheckFailed',
  message: 'Host a.example.com does not exist in the DNS.',
};
const answered: Failure = { code: 'SelfCheckFailed', message: 'Host a.example.com answers with status 404.' };
const refused: Failure = { code: 'ChallengeFailed', message: 'The CA got a 404.' };

/** An Ingress whose rounds end as they are told, under an announcer whose Events are counted. */
class Announced {
  readonly events: string[] = [];
  status: StatusDocument | undefined;
  #time = now;
  #context = this.#begin();
  #announcer = this.#start();

  restart(): void {
    this.#context = this.#begin();
    this.#announcer = this.#start();
  }

  round(...failures: (Failure | undefined)[]): void {
    for (const failure of failures) {
      this.#time += 6 * minute;
      const results = assignment(['a']).desired.map((desired) => dueResult(desired));
      this.#context = applyAssessments(this.#context, results, this.#time);
      this.#announcer.announceFindings(this.#context);
      const outcome =
        failure === undefined
          ? ({ kind: 'stored', reason: 'missing', validity } as const)
          : ({ kind: 'failed', failure } as const);
      this.#context = applyOutcome(this.#context, 'a', outcome, this.#time);
      this.#announcer.announceRoundEnd(this.#context, { secretName: 'a', outcome });
    }
  }

  #begin(): IngressContext {
    const policy = { checkInterval: 8 * hour, minimumValidity: 30 * day };
    const about = { key: 'Ingress/shop/web', uid: 'uid', assignment: assignment(['a']), policy } as const;
    return initialIngressContext({ ...about, status: this.status, at: this.#time });
  }

  #start(): Announcer {
    return new Announcer(
      { publish: ({ reason, message }) => this.events.push(`${reason}: ${message}`) },
      {
        publish: (context) => {
          this.status = statusOf(context, this.status);
        },
        publishWaiting: (_, uid, finding) => {
          this.status = statusOfWaiting(uid, finding, this.status);
        },
        said: () => this.status,
      },
      pino({ level: 'silent' }),
    );
  }
}

describe('the Events of a check that is repeated before an order', () => {
  it('are one for each other outcome', () => {
    const ingress = new Announced();
    ingress.round(unresolved, unresolved, unresolved, answered, answered);
    assert.deepEqual(
      ingress.events.map((event) => event.slice(0, 58)),
      [
        'SelfCheckFailed: Host a.example.com does not exist in the ',
        'SelfCheckFailed: Host a.example.com answers with status 40',
      ],
    );
    assert.ok(ingress.events.every((event) => !event.includes('Next attempt')));
  });

  it('are none for another address of the same host, nor after a restart', () => {
    const from = (address: string): Failure => ({ ...answered, message: `It answers 404 from ${address}.` });
    const ingress = new Announced();
    ingress.round(from('192.0.2.1'), from('2001:db8::1'), from('192.0.2.1'));
    ingress.restart();
    ingress.round(from('2001:db8::1'));
    assert.equal(ingress.events.length, 1);
  });

  it('are none after a restart that finds the same', () => {
    const ingress = new Announced();
    ingress.round(unresolved);
    ingress.restart();
    ingress.round(unresolved, unresolved);
    assert.equal(ingress.events.length, 1);
  });

  it('are one for a host that is left out, as long as it cannot return', () => {
    const out: Failure = { code: 'HostLeftOut', message: 'a.example.com cannot return yet: it answers 404.' };
    const ingress = new Announced();
    ingress.round(out, out);
    ingress.restart();
    ingress.round(out);
    assert.equal(ingress.events.length, 1);
  });

  it('are said again after a certificate, or an order that failed', () => {
    const ingress = new Announced();
    ingress.round(unresolved, undefined, unresolved);
    assert.equal(ingress.events.filter((event) => event.startsWith('SelfCheckFailed')).length, 2);
    const other = new Announced();
    other.round(unresolved, refused, refused, unresolved);
    assert.equal(other.events.filter((event) => event.startsWith('ChallengeFailed')).length, 2);
    assert.equal(other.events.filter((event) => event.startsWith('SelfCheckFailed')).length, 2);
  });
});
