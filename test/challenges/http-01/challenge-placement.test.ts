import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { IngressClassReference } from '../../../machines/ownership/source-spec.ts';
import {
  type Place,
  placeRule,
} from '../../../src/challenges/http-01/challenge-ingress/challenge-placement.ts';
import { findRefusedHosts } from '../../../src/challenges/http-01/refused-hosts.ts';

const nginx: IngressClassReference = { form: 'field', name: 'nginx' };

function place(name: string, ingressClass: IngressClassReference | undefined, ...hosts: string[]): Place {
  return { name, ingressClass, createdAt: undefined, hosts: new Set(hosts), ruleHosts: new Set(hosts) };
}

function nameFor(
  places: Place[],
  ingressClass: IngressClassReference,
  host = 'a.example',
  foreign: string[] = [],
  ruleHost = host,
): string {
  const options = { baseName: 'kube-lego', maxRules: 2, maxHosts: 4, foreignNames: new Set(foreign) };
  return placeRule(places, { host, ruleHost, ingressClass }, options);
}

describe('the place of a host', () => {
  it('is kube-lego for the first class', () => {
    assert.equal(nameFor([], nginx), 'kube-lego');
  });

  it('is where the host already is, even if that is full', () => {
    const places = [place('one', nginx), place('two', nginx, 'a.example', 'b.example')];
    assert.equal(nameFor(places, nginx), 'two');
  });

  it('is where its rule already is, until there are too many hosts', () => {
    const hosts = new Set(['b.example', 'c.example']);
    const full = { ...place('full', nginx), hosts, ruleHosts: new Set(['x.example', '*.example']) };
    const places = [place('roomy', nginx, 'd.example'), full];
    assert.equal(nameFor(places, nginx, 'a.example', [], '*.example'), 'full');
    assert.equal(nameFor(places, nginx, 'a.example'), 'roomy');
    for (const host of ['e.example', 'f.example']) hosts.add(host);
    assert.equal(nameFor(places, nginx, 'a.example', [], '*.example'), 'roomy');
  });

  it('is never with another class, or with the same one named in another form', () => {
    const places = [place('kube-lego', { form: 'annotation', name: 'nginx' }, 'b.example')];
    assert.equal(nameFor(places, nginx), 'kube-lego-nginx');
    assert.equal(nameFor(places, { form: 'field', name: 'other' }, 'b.example'), 'kube-lego-other');
  });

  it('is found without a look at the rules of other classes', () => {
    const other: Place = {
      ...place('kube-lego', { form: 'field', name: 'other' }),
      get hosts(): never {
        throw new Error('its hosts are read');
      },
      get ruleHosts(): never {
        throw new Error('its rules are read');
      },
    };
    assert.equal(nameFor([other], nginx), 'kube-lego-nginx');
  });

  it('is with the same class named in another form if the rule is there', () => {
    const places = [place('kube-lego', { form: 'annotation', name: 'nginx' }, '')];
    assert.equal(nameFor(places, nginx, 'a.example', [], ''), 'kube-lego');
  });

  it('is a free name again when the object of another class is gone', () => {
    assert.equal(nameFor([place('kube-lego', undefined)], nginx), 'kube-lego');
  });

  it('is in one that is younger than a site with a default backend', () => {
    const old = { ...place('kube-lego', nginx, 'a.example'), createdAt: 2000 };
    const young = { ...place('young', nginx, 'b.example'), createdAt: 3000 };
    const options = { baseName: 'kube-lego', maxRules: 2, maxHosts: 4, foreignNames: new Set<string>() };
    const rule = { host: 'a.example', ruleHost: 'a.example', ingressClass: nginx, after: 2000 };
    assert.equal(placeRule([old, young], rule, options), 'young');
    assert.equal(placeRule([old], rule, options), 'kube-lego-nginx');
    assert.equal(placeRule([old], { ...rule, after: 1000 }, options), 'kube-lego');
  });

  it('has a number when the name of the class is taken or not ours', () => {
    const places = [place('kube-lego', nginx, 'b', 'c'), place('kube-lego-nginx', nginx, 'd', 'e')];
    assert.equal(nameFor(places, nginx, 'a.example', ['kube-lego-nginx-2']), 'kube-lego-nginx-3');
  });

  it('has a valid name for any text that an annotation may hold', () => {
    const taken = [place('kube-lego', nginx, 'x')];
    for (const text of ['My Class!', '..', 'a..b', 'a.-b', '-x-', 'ä', 'x'.repeat(400)]) {
      const name = nameFor(taken, { form: 'annotation', name: text });
      assert.match(name, /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/);
      assert(name.length <= 253);
    }
  });
});

describe('the search for refused hosts', () => {
  const hosts = Array.from({ length: 200 }, (_, i) => `h${i}`);

  async function search(
    isRefused: (subset: readonly string[]) => boolean,
  ): Promise<{ refused: string[]; attempts: number }> {
    let attempts = 0;
    const refused = await findRefusedHosts(hosts, new Error('all'), (subset) => {
      attempts++;
      return Promise.resolve(isRefused(subset) ? new Error(subset.join()) : undefined);
    });
    return { refused: [...refused.keys()], attempts };
  }

  it('finds one among many with few attempts', async () => {
    const { refused, attempts } = await search((subset) => subset.includes('h137'));
    assert.deepEqual(refused, ['h137']);
    assert(attempts <= 16, `${attempts} attempts`);
  });

  it('finds several', async () => {
    const { refused } = await search((subset) => subset.some((host) => ['h0', 'h1', 'h199'].includes(host)));
    assert.deepEqual(refused, ['h0', 'h1', 'h199']);
  });

  it('gives up a half when only the number of hosts is refused', async () => {
    const { refused } = await search((subset) => subset.length > 100);
    assert.deepEqual(refused, hosts.slice(100));
  });
});
