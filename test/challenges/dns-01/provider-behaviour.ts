import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { it, type TestContext } from 'node:test';
import {
  type ChallengeValue,
  type DnsProvider,
  ProviderError,
} from '../../../src/challenges/dns-01/providers/provider.ts';
import { eventually } from '../../time/eventually.ts';

/** A provider with the service behind it. */
export interface ProviderStage {
  readonly provider: DnsProvider;
  /** The values of the record as its name servers have them. */
  readonly values: (name: string) => Promise<readonly string[]>;
  /** A provider of the same service that is not let in, and what its refusal is to say; none if nobody is kept out. */
  readonly stranger?: { readonly provider: DnsProvider; readonly says: RegExp };
  /** What must be in no message. */
  readonly secrets: readonly string[];
}

const record = { name: '_acme-challenge.shop.example', zone: 'shop.example', primary: 'ns1.shop.example' };
const { signal } = new AbortController();

export function challengeValue(token: string, host = 'shop.example'): ChallengeValue {
  const keyAuthorization = `${token}.thumbprint`;
  const value = createHash('sha256').update(keyAuthorization).digest('base64url');
  return { host, record: { ...record, name: `_acme-challenge.${host}` }, value, keyAuthorization };
}

/** What every provider does: the tests that a new one has to pass. */
export function behavesAsProvider(
  begin: (t: TestContext) => Promise<ProviderStage>,
  skip: string | false = false,
): void {
  const behaves = (words: string, test: (stage: ProviderStage) => Promise<void>): void => {
    it(words, { skip }, async (t) => test(await begin(t)));
  };

  behaves(
    'adds values of one record beside each other, and removes them one by one',
    async ({ provider, values }) => {
      const [one, two] = [challengeValue('one'), challengeValue('two')];
      await provider.check?.(record, signal);
      assert.deepEqual(await values(record.name), []);
      await provider.add(one, signal);
      await provider.add(two, signal);
      await untilThere(values, one.value, two.value);
      await provider.remove(one, signal);
      await untilThere(values, two.value);
      await provider.remove(two, signal);
      await untilThere(values);
    },
  );

  behaves('adds and removes values that come at once', async ({ provider, values }) => {
    const all = ['a', 'b', 'c', 'd'].map((token) => challengeValue(token));
    await Promise.all(all.map((value) => provider.add(value, signal)));
    await untilThere(values, ...all.map(({ value }) => value));
    await Promise.all(all.map((value) => provider.remove(value, signal)));
    await untilThere(values);
  });

  behaves('does nothing if it is asked again', async ({ provider, values }) => {
    const one = challengeValue('one');
    await provider.remove(one, signal);
    await provider.add(one, signal);
    await provider.add(one, signal);
    await untilThere(values, one.value);
    await provider.remove(one, signal);
    await provider.remove(one, signal);
    await untilThere(values);
  });

  behaves('says why it is refused, without secrets', async ({ stranger, secrets }) => {
    if (stranger === undefined) return;
    await assert.rejects(stranger.provider.add(challengeValue('one'), signal), (error) => {
      assert.ok(error instanceof ProviderError);
      assert.equal(error.code, 'refused');
      const told = `${error.message} ${error.remedy ?? ''}`;
      assert.match(told, stranger.says);
      for (const secret of secrets) assert.ok(!told.includes(secret));
      return true;
    });
  });

  behaves('ends with the round', async ({ provider }) => {
    const ended = AbortSignal.abort(new Error('the round is over'));
    await assert.rejects(provider.add(challengeValue('one'), ended), /the round is over/);
  });
}

async function untilThere(values: ProviderStage['values'], ...expected: readonly string[]): Promise<void> {
  const wanted = expected.toSorted().join(' ');
  await eventually(`the values are ${wanted || 'none'}`, async () => {
    return (await values(record.name)).toSorted().join(' ') === wanted;
  });
}
