import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Ownership } from '../../../machines/ownership/ownership.ts';
import { sourceKey } from '../../../machines/ownership/source-key.ts';
import type { IngressClassReference, SourceSpec } from '../../../machines/ownership/source-spec.ts';
import { day, ingressSpec, now, ownershipPolicy } from '../builders.ts';

const host = 'shop.example.com';
const nginx: IngressClassReference = { form: 'field', name: 'nginx' };
const traefik: IngressClassReference = { form: 'field', name: 'traefik' };

/** An Ingress that asks for nothing, with these rules. */
function site(name: string, changes: Partial<SourceSpec>): SourceSpec {
  return ingressSpec({ name, enabled: false, tls: [], ...changes });
}

/** `CLASS=HOST OF THE RULE` for the host of a certificate in namespace shop; `*` is a rule without host. */
function rulesIn(
  sources: readonly SourceSpec[],
  ingressClasses: readonly IngressClassReference[] = [nginx],
  defaultClass?: string,
): string[] {
  return rulesOf(ownershipOf(sources, defaultClass), ingressClasses);
}

function ownershipOf(sources: readonly SourceSpec[], defaultClass?: string): Ownership {
  const ownership = new Ownership({ ...ownershipPolicy, defaultClass });
  ownership.setClass('nginx', 'k8s.io/ingress-nginx', now);
  ownership.setClass('traefik', 'traefik.io/ingress-controller', now);
  for (const source of sources) ownership.set(source, now);
  ownership.settle(now);
  return ownership;
}

function rulesOf(ownership: Ownership, ingressClasses: readonly IngressClassReference[] = [nginx]): string[] {
  return ownership.challengeRules('shop', { host, ingressClasses }).map((rule) => {
    const { ingressClass: of } = rule;
    return `${of.form === 'none' ? '' : of.name}=${rule.ruleHost === '' ? '*' : rule.ruleHost}`;
  });
}

const exact = site('exact', { ruleHosts: [host] });
const wildcard = site('wildcard', { ruleHosts: ['*.example.com'] });
const hostless = site('hostless', { servesAnyHost: true });

describe('the challenge rule of a host', () => {
  it("is spelt as the site's own rule, the most specific one", () => {
    assert.deepEqual(rulesIn([hostless]), ['nginx=*']);
    assert.deepEqual(rulesIn([wildcard, hostless]), ['nginx=*.example.com']);
    assert.deepEqual(rulesIn([exact, wildcard, hostless]), [`nginx=${host}`]);
    assert.deepEqual(rulesIn([exact, hostless]), [`nginx=${host}`]);
  });

  it('is that of the host that it is an alias of, unless it has a rule of its own', () => {
    const alias = site('alias', { ruleHosts: ['www.example.com', 'example.com'], aliases: [host] });
    const ownership = ownershipOf([alias, wildcard, hostless]);
    assert.deepEqual(rulesOf(ownership), ['nginx=example.com']);
    ownership.set({ ...alias, ruleHosts: ['web.example.com'] }, now);
    assert.deepEqual(rulesOf(ownership), ['nginx=web.example.com']);
    ownership.set(exact, now);
    assert.deepEqual(rulesOf(ownership), [`nginx=${host}`]);
    ownership.delete(sourceKey(exact), now);
    ownership.set({ ...alias, ingressClass: traefik }, now);
    assert.deepEqual(rulesOf(ownership), ['nginx=*.example.com', 'traefik=example.com']);
    ownership.set({ ...alias, namespace: 'other', ruleHosts: ['a.example.com'] }, now);
    ownership.set({ ...alias, aliases: undefined }, now);
    assert.deepEqual(rulesOf(ownership), ['nginx=*.example.com']);
  });

  it('is that of the host that it is redirected to, which is answered for as well', () => {
    const www = `www.${host}`;
    const redirecting = site('redirecting', { ruleHosts: [host], redirectsWww: true });
    const rules = (ownership: Ownership, of: string) =>
      ownership
        .challengeRules('shop', { host: of, ingressClasses: [nginx] })
        .map((rule) => [rule.host, rule.ruleHost]);
    const ownership = ownershipOf([redirecting, hostless]);
    assert.deepEqual(rules(ownership, host), [[host, host]]);
    assert.deepEqual(rules(ownership, www), [
      [www, host],
      [host, host],
    ]);
    ownership.set({ ...redirecting, ruleHosts: [www] }, now);
    assert.deepEqual(rules(ownership, host), [
      [host, www],
      [www, www],
    ]);
    ownership.set({ ...redirecting, ruleHosts: [host, www] }, now);
    assert.deepEqual(rules(ownership, www), [[www, www]]);
  });

  it('names the host where nothing serves it', () => {
    const others = site('others', {
      ruleHosts: ['example.com', 'a.shop.example.com', '*.shop.example.com', '*.com'],
    });
    const listed = site('listed', { tls: [{ secretName: undefined, hosts: [host] }] });
    assert.deepEqual(rulesIn([]), [`nginx=${host}`]);
    assert.deepEqual(rulesIn([others, listed]), [`nginx=${host}`]);
  });

  it('goes by the rules of other namespaces where there is none, of the same class only', () => {
    assert.deepEqual(rulesIn([{ ...exact, namespace: 'platform' }]), [`nginx=${host}`]);
    const other = { ...exact, namespace: 'platform', ingressClass: traefik };
    assert.deepEqual(rulesIn([other, hostless]), ['nginx=*']);
  });

  it('is not spelt by a rule of another namespace where the own one serves the host', () => {
    const others = [exact, wildcard].map((one): SourceSpec => ({ ...one, namespace: 'mallory' }));
    assert.deepEqual(rulesIn([wildcard, hostless, ...others]), ['nginx=*.example.com']);
    assert.deepEqual(rulesIn([hostless, ...others]), ['nginx=*']);
    const alias = site('alias', { ruleHosts: ['example.com'], aliases: [host] });
    assert.deepEqual(rulesIn([alias, ...others]), ['nginx=example.com']);
    const external = { ...wildcard, ingressClass: traefik };
    assert.deepEqual(rulesIn([external, ...others]), [`nginx=${host}`, 'traefik=*.example.com']);
  });

  it('is not to be written where only a wildcard or a rule without host of another namespace serves the host', () => {
    const listed = site('listed', { tls: [{ secretName: undefined, hosts: [host] }], ruleHosts: ['a.b'] });
    const others = { ...hostless, namespace: 'victim' };
    const foreign = (...sites: SourceSpec[]) =>
      ownershipOf(sites)
        .challengeRules('shop', { host, ingressClasses: [nginx] })
        .map((rule) => rule.foreign ?? rule.ruleHost);
    assert.deepEqual(foreign(listed, others), [true]);
    assert.deepEqual(foreign(listed, { ...wildcard, namespace: 'victim' }), [true]);
    assert.deepEqual(foreign(listed, others, hostless), ['']);
    assert.deepEqual(foreign(listed, others, exact), [host]);
    assert.deepEqual(foreign(listed, others, { ...exact, ingressClass: traefik }), [host]);
    assert.deepEqual(rulesIn([others, { ...exact, ingressClass: traefik }]), [`traefik=${host}`]);
    assert.deepEqual(foreign(listed, { ...others, ingressClass: traefik }), [host]);
  });

  it('takes a class for the same in whichever form it is named, or as the default', () => {
    const annotated = { ...wildcard, ingressClass: { form: 'annotation', name: 'nginx' } as const };
    const without = { ...exact, ingressClass: { form: 'none' } as const };
    assert.deepEqual(rulesIn([annotated]), ['nginx=*.example.com']);
    assert.deepEqual(rulesIn([without, annotated]), ['nginx=*.example.com', `=${host}`]);
    assert.deepEqual(rulesIn([without, annotated], [nginx], 'nginx'), [`nginx=${host}`]);
  });

  it('follows the rules as they come and go', () => {
    const ownership = ownershipOf([hostless]);
    ownership.set(exact, now);
    assert.deepEqual(rulesOf(ownership), [`nginx=${host}`]);
    ownership.set({ ...exact, ingressClass: traefik, namespace: 'shop' }, now);
    assert.deepEqual(rulesOf(ownership), ['nginx=*', `traefik=${host}`]);
    ownership.delete(sourceKey(exact), now);
    assert.deepEqual(rulesOf(ownership), ['nginx=*']);
    ownership.delete(sourceKey(hostless), now);
    assert.deepEqual(rulesOf(ownership), [`nginx=${host}`]);
  });

  it('is written for every class that serves the host in the namespace of the certificate', () => {
    const external = site('external', { ingressClass: traefik, ruleHosts: [host] });
    assert.deepEqual(rulesIn([exact, external]), [`nginx=${host}`, `traefik=${host}`]);
    const any = site('any', { ingressClass: traefik, servesAnyHost: true });
    assert.deepEqual(rulesIn([exact, any]), [`nginx=${host}`, 'traefik=*']);
    assert.deepEqual(rulesIn([exact, { ...external, namespace: 'blog' }]), [`nginx=${host}`]);
  });

  it('is written for every class of the Ingresses that ask for the certificate', () => {
    assert.deepEqual(rulesIn([hostless], [nginx, traefik]), ['nginx=*', `traefik=${host}`]);
  });

  it('is written for eight classes at most, those that ask first', () => {
    const many = Array.from({ length: 20 }, (_, index) =>
      site(`site-${index}`, {
        ingressClass: { form: 'annotation', name: `class-${index}` },
        ruleHosts: [host],
        createdAt: now - index * day,
      }),
    );
    const rules = rulesIn(many);
    assert.equal(rules.length, 8);
    assert.equal(rules[0], `nginx=${host}`);
  });

  it('belongs into a younger Ingress than a site with a default backend besides', () => {
    const rule = (...sites: SourceSpec[]) =>
      ownershipOf(sites).challengeRules('shop', { host, ingressClasses: [nginx] })[0];
    const [older, younger] = [now - 2 * day, now - day];
    const both = { ...exact, servesAnyHost: true } as const;
    assert.equal(
      rule({ ...both, createdAt: older }, { ...both, name: 'young', createdAt: younger })?.after,
      younger,
    );
    assert.equal(rule(exact, { ...both, ingressClass: traefik })?.after, undefined);
    assert.equal(rule(hostless)?.after, undefined);
    const foreign = { ...both, namespace: 'blog', createdAt: younger };
    assert.equal(rule(exact, foreign)?.after, undefined);
    assert.equal(rule({ ...both, createdAt: older }, foreign)?.after, older);
    assert.equal(rule(foreign)?.after, younger);
  });

  it('belongs into a younger Ingress than the site where the ingress controller may not merge them', () => {
    const rule = (...sites: SourceSpec[]) =>
      ownershipOf(sites).challengeRules('shop', { host, ingressClasses: [unknown] })[0];
    const unknown: IngressClassReference = { form: 'annotation', name: 'unknown' };
    const its = { ingressClass: unknown, createdAt: now - day };
    const older = { ...exact, ...its, name: 'older', createdAt: now - 2 * day };
    assert.equal(rule({ ...exact, ...its })?.after, now - day);
    assert.equal(rule({ ...exact, ...its }, older)?.after, now - 2 * day);
    assert.equal(rule({ ...exact, ...its }, { ...older, namespace: 'blog' })?.after, now - day);
    assert.equal(rule({ ...wildcard, ...its })?.after, now - day);
    assert.equal(rule({ ...hostless, ...its })?.after, now - day);
    assert.equal(rule(exact)?.after, undefined);
    assert.equal(
      rule(site('listed', { ...its, tls: [{ secretName: 's', hosts: [host] }] }))?.after,
      undefined,
    );
  });

  it('gives nobody a host', () => {
    const mine = ingressSpec({ createdAt: now, tls: [{ secretName: 'web-tls', hosts: [host] }] });
    const ownership = ownershipOf([{ ...hostless, namespace: 'other', createdAt: now - day }, mine]);
    assert.equal(ownership.hostOwner(host, now).namespace, 'shop');
  });
});
