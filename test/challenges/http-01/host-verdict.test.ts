import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { IngressClassReference } from '../../../machines/ownership/source-spec.ts';
import type { HostVerdict } from '../../../src/challenges/challenge-solver.ts';
import { hostVerdict, type ServingClass } from '../../../src/challenges/http-01/self-check/host-verdict.ts';
import type { Verdict } from '../../../src/challenges/http-01/self-check/self-check.ts';

const host = 'shop.example';

function wrong(status: number | undefined, changes: object = {}): Verdict {
  const message = `Host ${host} answers otherwise.`;
  return { kind: 'wrong-answer', message, status, finalHost: host, ...changes };
}

function classOf(
  ingressClass: IngressClassReference,
  standing: Partial<ServingClass['standing']> = {},
): ServingClass {
  return { ingressClass, standing: { exists: undefined, nonMerging: undefined, ...standing } };
}

const edge = classOf({ form: 'field', name: 'edge' }, { exists: true });
const none = classOf({ form: 'none' });

function told(
  verdict: Verdict,
  ...classes: ServingClass[]
): Omit<HostVerdict & { kind: 'not-provable' }, 'kind' | 'host'> {
  const { host: of, ...rest } = hostVerdict(host, verdict, { timeLimit: 30_000, classes });
  assert.equal(of, host);
  assert.ok(rest.kind === 'not-provable');
  const { kind: _, ...own } = rest;
  return own;
}

describe('a host that answers otherwise to the end of the self-check', () => {
  it('may be behind a slow ingress controller: the time and its setting are named', () => {
    for (const status of [404, 200]) {
      assert.deepEqual(told(wrong(status), edge), {
        code: 'SelfCheckFailed',
        message: 'Host shop.example answers otherwise; kube-lego waited 30 s for the rule to take effect.',
        remedy:
          "Point the host's DNS at the ingress controller; if that takes more than 30 s to put a rule into effect, set LEGO_SELF_CHECK_TIMEOUT higher.",
      });
    }
    assert.match(
      told(wrong(404, { changing: true }), edge).message,
      /; kube-lego answered before, so within 30 s the rule took effect in some instances only\.$/,
    );
  });

  it('is not explained by the rule if it does not resolve, refuses the request, or leads to another host', () => {
    for (const verdict of [
      wrong(undefined),
      wrong(403),
      wrong(503),
      wrong(404, { finalHost: 'other.example' }),
    ]) {
      assert.deepEqual(told(verdict, none), {
        code: 'SelfCheckFailed',
        message: 'Host shop.example answers otherwise.',
      });
    }
  });

  it('is told that no class is named, before its DNS is blamed', () => {
    assert.deepEqual(told(wrong(404), none), {
      code: 'NoIngressClass',
      message: 'Host shop.example answers otherwise, and the Ingress names no class.',
    });
  });

  it('is told of a class that does not exist, by name, unless another one may serve it', () => {
    const egde = classOf({ form: 'field', name: 'egde' }, { exists: false });
    const legacy = classOf({ form: 'annotation', name: 'old\nclass' }, { exists: false });
    assert.deepEqual(told(wrong(404), egde, legacy), {
      code: 'IngressClassNotFound',
      message: 'Host shop.example answers otherwise, and there is no IngressClass egde, old class.',
    });
    assert.equal(told(wrong(404), egde, edge).code, 'SelfCheckFailed');
  });

  it('is told of a class that gets no rule', () => {
    const f5 = classOf(
      { form: 'field', name: 'f5' },
      { exists: true, nonMerging: 'nginx.org/ingress-controller' },
    );
    assert.match(
      told(wrong(404), edge, f5).message,
      /, and class f5 has none, as its controller nginx\.org\/ingress-controller does not merge a host\.$/,
    );
  });
});
