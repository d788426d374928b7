import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { errorFromAnswer } from '../../../src/kubernetes/client/kubernetes-error.ts';
import { failureOf } from '../../../src/steps/failures.ts';

describe('the refusal of a policy or webhook', () => {
  const answer = (status: number, message: string) =>
    errorFromAnswer(
      'POST /api/v1/namespaces/a/secrets',
      status,
      JSON.stringify({ kind: 'Status', reason: status === 422 ? 'Invalid' : 'Forbidden', message }),
    );

  for (const [said, words] of [
    [
      `secrets "a" is forbidden: ValidatingAdmissionPolicy 'no-empty-tls' with binding 'b' denied request: a TLS Secret must hold a certificate`,
      'the policy "no-empty-tls" of the cluster says: a TLS Secret must hold a certificate',
    ],
    [
      'admission webhook "validation.gatekeeper.sh" denied the request: [team] you must provide labels: {"team"}',
      'the webhook "validation.gatekeeper.sh" of the cluster says: [team] you must provide labels: {"team"}',
    ],
    [
      'admission webhook "validate.kyverno.svc-fail" denied the request: policy Secret/a/b for resource violation: require: x',
      'the webhook "validate.kyverno.svc-fail" of the cluster says: policy Secret/a/b for resource violation: require: x',
    ],
  ] as const) {
    it(`is told in its own words: ${words}`, () => {
      const error = answer(422, said);
      assert.equal(error.words, words);
      assert.match(error.message, /^POST \/api\/v1\/namespaces\/a\/secrets: 422 Invalid: /);
      const failure = failureOf(error, 0);
      assert.deepEqual([failure.code, failure.message], ['ApiServerDenied', `${words}.`]);
    });
  }

  for (const said of [
    'secrets is forbidden: User "a" cannot create resource "secrets" in API group ""',
    'exceeded quota: objects, requested: secrets=1',
    'admission webhook "a" denied the request without explanation',
    `ValidatingAdmissionPolicy 'a' denied request: `,
  ]) {
    it(`is told as it is if it is none of these: ${said}`, () => {
      assert.equal(answer(403, said).words, answer(403, said).message);
    });
  }

  it('costs little, however long its words are', () => {
    const long = `ValidatingAdmissionPolicy 'a' ${'denied request '.repeat(100_000)}`;
    assert.ok(answer(422, long).words.length < 1000);
  });
});
