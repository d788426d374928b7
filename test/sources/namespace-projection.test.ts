import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { projectNamespace } from '../../src/sources/namespace-projection.ts';

function project(domains: unknown) {
  const metadata = {
    name: 'shop',
    creationTimestamp: '2026-11-20T10:00:00Z',
    annotations: { 'kube-lego.io/domains': domains },
  };
  return projectNamespace({ metadata });
}

describe('a Namespace', () => {
  it('reserves the domains of its annotation', () => {
    assert.deepEqual(project('*.shop.example, Shop.Example.\n  www.example.com'), {
      name: 'shop',
      createdAt: Date.UTC(2026, 10, 20, 10),
      domains: ['*.shop.example', 'shop.example', 'www.example.com'],
      invalid: [],
    });
  });

  it('reserves nothing without it, or where it is no text', () => {
    assert.deepEqual(projectNamespace({ metadata: { name: 'shop' } }), {
      name: 'shop',
      createdAt: 0,
      domains: [],
      invalid: [],
    });
    assert.deepEqual(project(['shop.example'])?.domains, []);
    assert.equal(projectNamespace({ metadata: {} }), undefined);
    assert.equal(projectNamespace(undefined), undefined);
  });

  it('reserves what is valid of it, and the rest is named as it can be shown', () => {
    const { domains, invalid } =
      project(`https://shop.example shop.example *.*.example \u001b[31m ${'x'.repeat(300)}`) ?? {};
    assert.deepEqual(domains, ['shop.example']);
    assert.deepEqual(invalid, [
      '"https://shop.example"',
      '"*.*.example"',
      String.raw`"\u001b[31m"`,
      `"${'x'.repeat(80)}…"`,
    ]);
  });

  it('is read within a bound, whatever somebody writes', () => {
    const { domains = [], invalid = [] } =
      project(Array.from({ length: 20_000 }, (_, index) => `${index}.example`).join()) ?? {};
    assert.ok(domains.length > 1000 && domains.length < 2000);
    assert.equal(domains.at(-1), `${domains.length - 1}.example`, 'no word is cut');
    assert.deepEqual(invalid, ['what follows 16384 characters']);
    const bad = project('!,'.repeat(100_000));
    assert.equal(bad?.invalid.length, 11);
    assert.deepEqual(project('a'.repeat(100_000))?.domains, []);
  });
});
