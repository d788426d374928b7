import assert from 'node:assert/strict';
import { it } from 'node:test';
import { classStanding } from '../../../machines/ownership/classes/class-standing.ts';
import { checkClasses, checkRules } from '../../../src/commands/explain/ingress-checks.ts';

it('explain tells how challenge rules are spelt that do not name their hosts', () => {
  const ingressClass = { form: 'none' } as const;
  const rules = [
    { host: 'a.example.com', ruleHost: 'a.example.com', ingressClass },
    { host: 'b.example.com', ruleHost: '*.example.com', ingressClass },
    { host: 'c.example.com', ruleHost: '*.example.com', ingressClass },
    { host: 'shop.example', ruleHost: '', ingressClass },
    { host: 'd.example.com', ruleHost: '', ingressClass, foreign: true as const },
  ];
  assert.deepEqual(
    checkRules(rules).map(({ result, text }) => `${result}: ${text}`),
    [
      'problem: d.example.com: has no rule in this namespace, and a wildcard or a rule without host of another namespace serves it.',
      'note: b.example.com, c.example.com: served by a rule for *.example.com, so the challenge rule is one, too.',
      'note: shop.example: served by a rule without host, so the challenge rule is one, too.',
    ],
  );
});

it('explain tells which classes exist, and which give a host to one Ingress only', () => {
  const observed = new Map([
    ['edge', 'k8s.io/ingress-nginx'],
    ['f5', 'nginx.org/ingress-controller'],
  ]);
  const known = { configured: new Map<string, string>(), observed, readable: true };
  const told = (...names: string[]) =>
    checkClasses(
      names.map((name) => ({ form: 'field', name })),
      (ingressClass) => classStanding(ingressClass, known),
      [...observed.keys()],
    ).map(({ result, text }) => `${result}: ${text}`);
  assert.deepEqual(told('edge', 'f5'), [
    'ok: The Ingress is of class edge.',
    'note: The ingress controller of class f5, nginx.org/ingress-controller, gives a host to one Ingress only.',
  ]);
  assert.deepEqual(told('..'), [
    'problem: The Ingress is of class .., and there is no IngressClass of this name, only edge, f5.',
  ]);
});
