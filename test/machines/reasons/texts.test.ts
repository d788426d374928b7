import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Occasion, occasions } from '../../../machines/reasons/event-reasons.ts';
import type { Reason } from '../../../machines/reasons/reason.ts';
import { reasons } from '../../../machines/reasons/reasons.ts';

/** Of the class, which only an Ingress has. */
const ofClasses: readonly string[] = [
  'IngressControllerDoesNotMerge',
  'IngressClassNotFound',
  'NoIngressClass',
];

describe('the texts that the owner of a Gateway may be told', () => {
  const all: [string, Partial<Pick<Reason, 'about'>> & Occasion][] = [
    ...Object.entries<Reason>(reasons),
    ...Object.entries<Occasion>(occasions),
  ];
  const told = all.filter(
    ([code, { about }]) => about !== 'Ingress' && about !== 'Gateway' && !ofClasses.includes(code),
  );

  for (const [code, { meaning, remedy = '' }] of told) {
    it(`of ${code} speak of Ingresses and spec.tls beside Gateways and listeners only`, () => {
      for (const text of [meaning, remedy]) {
        if (/\bIngress(es)?\b/.test(text)) assert.match(text, /Gateway|ListenerSet|HTTPRoute/);
        if (text.includes('spec.tls')) assert.match(text, /listener|ListenerSet/);
      }
    });
  }
});
