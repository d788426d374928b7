import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { classStanding } from '../../../../machines/ownership/classes/class-standing.ts';

const known = {
  configured: new Map([
    ['legacy', 'nginx.org/ingress-controller'],
    ['renamed', 'k8s.io/ingress-nginx'],
  ]),
  observed: new Map([
    ['nginx', 'nginx.org/ingress-controller'],
    ['alb', 'ingress.k8s.aws/alb'],
    ['community', 'k8s.io/ingress-nginx'],
    ['renamed', 'nginx.org/ingress-controller'],
  ]),
  readable: true,
};
const unreadable = { ...known, observed: new Map<string, string>(), readable: false };

const field = (name: string, classes = known) => classStanding({ form: 'field', name }, classes);
const annotation = (name: string, classes = known) => classStanding({ form: 'annotation', name }, classes);

describe('the controller behind a class', () => {
  it('is named when it does not merge a host', () => {
    assert.equal(field('nginx').nonMerging, 'nginx.org/ingress-controller');
    assert.equal(field('alb').nonMerging, 'ingress.k8s.aws/alb');
  });

  it('is what the operator says, without an IngressClass or whatever that says', () => {
    const said = { exists: undefined, nonMerging: 'nginx.org/ingress-controller' };
    assert.deepEqual(field('legacy'), said);
    assert.deepEqual(annotation('legacy', unreadable), said);
    assert.deepEqual(field('renamed'), { exists: true, nonMerging: undefined });
  });

  it('is of no interest when it merges, is unknown, or there is no class', () => {
    assert.deepEqual(field('community'), { exists: true, nonMerging: undefined });
    assert.deepEqual(field('egde'), { exists: false, nonMerging: undefined });
    assert.deepEqual(classStanding({ form: 'none' }, known), { exists: undefined, nonMerging: undefined });
  });

  it('is read from an annotation too, and GKE by its value alone', () => {
    assert.equal(annotation('nginx').nonMerging, 'nginx.org/ingress-controller');
    assert.equal(annotation('gce').nonMerging, 'GKE Ingress');
    assert.equal(field('gce').nonMerging, undefined);
  });

  it('is unknown where IngressClasses may not be read', () => {
    assert.deepEqual(field('nginx', unreadable), { exists: undefined, nonMerging: undefined });
  });

  it('is nobody for a text that no IngressClass can have as its name', () => {
    for (const text of ['', '.', '..', '//', '/', 'a/b', 'any text / at all', 'Nginx', '-a', 'a'.repeat(254)])
      for (const classes of [known, unreadable]) assert.equal(annotation(text, classes).exists, false, text);
    for (const name of ['a', 'a-b.c', 'a'.repeat(253)])
      assert.equal(annotation(name, unreadable).exists, undefined, name);
  });
});
