import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ingress } from '../controller-failures/objects.ts';
import { type Stage, startStage } from '../controller-failures/stage.ts';
import { eventually } from '../time/eventually.ts';
import { assertStored, untilServed } from './certificate.ts';
import { nextSecond, untilCovers, untilTold } from './observation.ts';

let stage: Stage;

describe('an annotated Ingress', () => {
  before(async () => {
    stage = await startStage({ namespaces: ['shop', 'blog', 'older', 'younger'] });
    await stage.startController();
  });
  after(() => stage.stop());

  it('gets its certificate, is served over HTTPS, and told so once', async () => {
    await stage.apply(ingress('shop/one', { tls: { 'one-tls': ['one.example.com'] } }));
    await stage.untilIssued('shop/one');

    const leaf = await assertStored(stage, 'shop/one-tls', ['one.example.com']);
    const view = await stage.untilState('shop/one', 'idle');
    assert.equal(view.notAfter, leaf.validToDate.getTime());
    assert.deepEqual(view.problems, []);
    await untilServed(stage, 'one.example.com');
    assert.deepEqual(await untilTold(stage, 'shop/one'), ['Normal CertificateIssued']);
  });

  it('gets one certificate for several hosts of a Secret, and one for each Secret', async () => {
    const orders = await stage.orders();
    const brands = ['a.example.com', 'b.example.com', 'c.example.com'];
    await stage.apply(
      ingress('shop/several', { tls: { 'brands-tls': brands, 'other-tls': ['other.example.com'] } }),
    );
    await stage.untilIssued('shop/several');

    await assertStored(stage, 'shop/brands-tls', brands);
    await assertStored(stage, 'shop/other-tls', ['other.example.com']);
    await untilServed(stage, ...brands, 'other.example.com');
    assert.equal(await stage.orders(), orders + 2);
  });

  it('shares a Secret with a younger one: one certificate for the hosts of both, and the younger one is told', async () => {
    await stage.apply(ingress('blog/first', { tls: { 'blog-tls': ['blog.example.com'] } }));
    await stage.untilIssued('blog/first');
    await nextSecond();
    await stage.apply(ingress('blog/second', { tls: { 'blog-tls': ['www.blog.example.com'] } }));
    await stage.untilView('blog/second', 'the younger one is told', ({ notices }) => notices.length > 0);
    await untilCovers(stage, 'blog/blog-tls', ['blog.example.com', 'www.blog.example.com']);

    await assertStored(stage, 'blog/blog-tls', ['blog.example.com', 'www.blog.example.com']);
    await untilServed(stage, 'blog.example.com', 'www.blog.example.com');
    const { notices } = await stage.untilState('blog/second', 'idle');
    assert.match(notices.join(' '), /^Secret blog-tls is owned by the older Ingress first\. /);
    assert.deepEqual(await untilTold(stage, 'blog/second'), ['Normal SecretOwnedByOther']);
  });

  it('does not get a host that an older Ingress of another namespace has, and is not told whose it is', async () => {
    await stage.apply(ingress('older/owner', { tls: { 'owner-tls': ['claimed.example.com'] } }));
    await stage.untilIssued('older/owner');
    await nextSecond();
    const orders = await stage.orders();
    await stage.apply(
      ingress('younger/claimant', { tls: { 'claimant-tls': ['claimed.example.com'] } }),
      ingress('younger/partly', { tls: { 'partly-tls': ['claimed.example.com', 'free.example.com'] } }),
    );

    const message = await stage.untilWarned('younger/claimant', 'HostOwnedElsewhere');
    assert.match(message, /^Host claimed\.example\.com belongs to another namespace\. /);
    assert.doesNotMatch(message, /older\/|owner\b/);
    assert.equal(await stage.secret('younger/claimant-tls'), undefined);
    await stage.untilIssued('younger/partly');
    await assertStored(stage, 'younger/partly-tls', ['free.example.com']);
    assert.equal(await stage.orders(), orders + 1);
  });

  it('may write the value of the annotation as it likes', async () => {
    const annotations = { 'kubernetes.io/tls-acme': 'True' };
    await stage.apply(
      ingress('shop/capital', { tls: { 'capital-tls': ['capital.example.com'] }, annotations }),
    );
    await stage.untilIssued('shop/capital');
  });

  it('is told of a host that has a rule and no certificate, which is not ordered', async () => {
    await stage.apply(
      ingress('shop/partly', { tls: { 'partly-tls': ['in.example.com'] }, plainHosts: ['out.example.com'] }),
    );
    await stage.untilIssued('shop/partly');

    await assertStored(stage, 'shop/partly-tls', ['in.example.com']);
    assert.deepEqual((await untilTold(stage, 'shop/partly', 2)).toSorted(), [
      'Normal CertificateIssued',
      'Normal HostNotInTls',
    ]);
  });

  it('is let go when the annotation is removed: the Secret stays as it is', async () => {
    const parts = { tls: { 'leaving-tls': ['leaving.example.com'] } };
    await stage.apply(ingress('shop/leaving', parts));
    await stage.untilIssued('shop/leaving');
    const before = await stage.secret('shop/leaving-tls');
    await stage.apply(ingress('shop/leaving', { ...parts, annotated: false }));
    await eventually('the Ingress is let go', async () => (await stage.view('shop/leaving')) === undefined);

    assert.deepEqual(await stage.secret('shop/leaving-tls'), before);
    await stage.apply(ingress('shop/leaving', parts));
    await stage.untilIssued('shop/leaving');
    assert.deepEqual(await stage.secret('shop/leaving-tls'), before);
  });
});
