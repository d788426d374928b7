// `kube-lego account rollover`: the request for another account key, and its progress. Called by run.ts.

import { minute } from '../../../machines/time/durations.ts';
import { AccountError } from '../../acme/account/account-error.ts';
import { nextKeyData, readStoredAccount, type StoredAccount } from '../../acme/account/account-secret.ts';
import { generateAccountKey, likeKey, readAccountKey } from '../../acme/protocol/account-key.ts';
import type { KubernetesClient } from '../../kubernetes/client/client.ts';
import { isForbidden } from '../../kubernetes/client/kubernetes-error.ts';
import { KubernetesAccountSecret } from '../../kubernetes/records/account-record.ts';
import { sleep } from '../../time/clock.ts';
import type { Request } from '../command-line.ts';
import type { CommandOptions } from '../command-options.ts';
import { exitWithoutConsent, Following, lookInterval } from '../operator-request.ts';
import type { CommandSettings } from '../reading/secret-standing.ts';
import { jsonText, printable } from '../terminal-text.ts';

/** Milliseconds; the controller waits five minutes for orders. */
const timeLimit = 15 * minute;

type Rollover = Extract<Request, { kind: 'rollover' }>;

/** @returns the exit code: 0 the key is changed, 1 it is not, or not yet, 2 the operator could not be asked */
export async function rollOver(
  client: KubernetesClient,
  config: CommandSettings,
  { output, yes }: Rollover,
  options: CommandOptions,
): Promise<number> {
  const { complain, print, signal } = options;
  const say = (text: string): void => (output === 'json' ? complain(text) : print(text));
  const { accountKeyType, accountSecretName, directoryUrl, namespace } = config;
  const store = new KubernetesAccountSecret(client, namespace, accountSecretName);
  const read = async () => {
    const secret = await store.read(signal);
    return secret && { secret, stored: readStoredAccount(secret, store.name, directoryUrl) };
  };
  try {
    const found = await read();
    if (found === undefined) {
      complain(`There is no account whose key could be changed: Secret ${store.name} does not exist.`);
      return 1;
    }
    const { secret, stored } = found;
    let next = stored.nextKey?.thumbprint;
    say(`Account ${stored.url ?? 'not registered at this CA'}, key with thumbprint ${stored.key.thumbprint}`);
    if (next === undefined) {
      const [question, wish] = ['Change its key? [y/N] ', 'the key is to be changed'];
      const consent = { yes, question, wish, refused: 'Nothing is changed.' };
      const exitCode = await exitWithoutConsent(consent, say, options);
      if (exitCode !== undefined) return exitCode;
      const keyPem = await generateAccountKey(accountKeyType ?? likeKey(stored.key));
      next = readAccountKey(keyPem).thumbprint;
      if ((await store.update(secret, nextKeyData(keyPem), signal)) === undefined) {
        complain(`Secret ${store.name} was changed by another client meanwhile: run the command again.`);
        return 1;
      }
    }
    say(`The change to a key with thumbprint ${next} is requested.`);
    const changed = await follow(async () => (await read())?.stored, next, say, options);
    if (output === 'json') print(jsonText({ secret: store.name, thumbprint: next, changed }));
    return changed ? 0 : 1;
  } catch (error) {
    if (!(error instanceof AccountError) && !isForbidden(error)) throw error;
    complain(printable(error instanceof Error ? error.message : ''));
    return 1;
  }
}

/** Tells each step until the key is changed or refused, or the time is over. */
async function follow(
  read: () => Promise<StoredAccount | undefined>,
  next: string,
  say: (text: string) => void,
  options: CommandOptions,
): Promise<boolean> {
  const { clock, complain, signal } = options;
  let drains = false;
  for (
    const following = new Following(timeLimit, 'the command again', options);
    ;
    await sleep(clock, lookInterval, signal)
  ) {
    const stored = await read();
    if (stored?.key.thumbprint === next) {
      say('The account has the new key, and the old one is gone.');
      return true;
    }
    if (stored?.nextKey?.thumbprint !== next) {
      const why = stored?.rollover?.message ?? 'the request is not in the Secret any more';
      complain(printable(`The key is not changed: ${why}`));
      return false;
    }
    if (stored.rollover?.phase === 'draining' && !drains) {
      drains = true;
      say('Orders in flight end, and no others begin.');
    }
    if (following.isOver(drains)) return false;
  }
}
