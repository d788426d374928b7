import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type RecordTrouble, RecordTroubles } from '../../../machines/records/record-troubles.ts';
import { KubernetesError } from '../../../src/kubernetes/client/kubernetes-error.ts';
import { RecordError, RecordObserver } from '../../../src/kubernetes/records/record-observer.ts';
import { failureOf } from '../../../src/steps/failures.ts';

const request = { verb: 'update', kind: 'Secret', name: 'kube-lego/kube-lego-journal-0' } as const;

function observed() {
  let current: readonly RecordTrouble[] = [];
  const troubles = new RecordTroubles((all) => {
    current = all;
  });
  const observer = new RecordObserver('journal', troubles, { now: () => 1000 });
  const fails = async (error: Error): Promise<unknown> => {
    try {
      return await observer.observe(request, () => {
        throw error;
      });
    } catch (thrown) {
      return thrown;
    }
  };
  return { observer, fails, causes: () => current.map(({ operation, cause }) => `${operation} ${cause}`) };
}

describe('the requests for a record', () => {
  it('make a trouble of what is denied, fails or is not answered, and none of what somebody else has changed', async () => {
    const { observer, fails, causes } = observed();
    await fails(new KubernetesError('Conflict', 'changed', { status: 409 }));
    await fails(new Error('the process ends'));
    assert.deepEqual(causes(), []);
    await fails(new KubernetesError('Unreachable', 'no connection'));
    assert.deepEqual(causes(), ['write unreachable']);
    await fails(new KubernetesError('ServerError', 'etcd is away', { status: 500 }));
    assert.deepEqual(causes(), ['write failing']);
    await fails(new KubernetesError('Forbidden', 'no', { status: 403 }));
    assert.deepEqual(causes(), ['write denied']);
    await observer.observe({ ...request, verb: 'get' }, () => Promise.resolve());
    assert.deepEqual(causes(), ['write denied']);
    await observer.observe({ ...request, verb: 'create' }, () => Promise.resolve());
    assert.deepEqual(causes(), []);
  });

  it('fail with the same code, and with what helps', async () => {
    const { fails } = observed();
    const error = await fails(
      new KubernetesError('Forbidden', 'cannot update', { status: 403, retryAfter: 5 }),
    );
    assert.ok(error instanceof RecordError && error.code === 'Forbidden');
    const { code, message, retryAt } = failureOf(error, 1000);
    assert.equal(code, 'RecordUnavailable');
    assert.equal(retryAt, 1005);
    assert.equal(
      message,
      "Secret kube-lego/kube-lego-journal-0 (the order journal) cannot be written: cannot update. Allow kube-lego's " +
        'ServiceAccount to update secrets in namespace kube-lego: its Role and RoleBinding (deploy/base/role.yaml), and ' +
        'what policies and webhooks say.',
    );
  });
});
