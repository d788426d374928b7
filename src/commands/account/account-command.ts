// `kube-lego account`: the ACME account as its Secret and the CA tell it. Called by run.ts.

import { second } from '../../../machines/time/durations.ts';
import { AccountError } from '../../acme/account/account-error.ts';
import { readStoredAccount } from '../../acme/account/account-secret.ts';
import { type AccountObject, SignedRequests } from '../../acme/protocol/signed-requests.ts';
import { CaClock } from '../../acme/transport/ca-clock.ts';
import { AcmeProblem } from '../../acme/transport/problem.ts';
import { AcmeTransport } from '../../acme/transport/transport.ts';
import type { KubernetesClient } from '../../kubernetes/client/client.ts';
import { isForbidden } from '../../kubernetes/client/kubernetes-error.ts';
import { KubernetesAccountSecret } from '../../kubernetes/records/account-record.ts';
import { userAgent } from '../../process/user-agent.ts';
import type { Request } from '../command-line.ts';
import type { CommandOptions } from '../command-options.ts';
import type { CommandSettings } from '../reading/secret-standing.ts';
import { jsonText, printable } from '../terminal-text.ts';

/** Milliseconds. */
const askingLimit = 30 * second;

/** Nothing secret: the thumbprint is in every answer of the responder. */
interface AccountView {
  readonly directory: string;
  readonly secret: string;
  readonly url: string | undefined;
  /** Of signatures with the key (RFC 7518 section 3.1). */
  readonly keyAlgorithm: string;
  readonly thumbprint: string;
  readonly status: string | undefined;
  readonly contact: readonly string[];
  /** RFC 3339. */
  readonly since: string | undefined;
  /** Why the CA does not tell more. */
  readonly trouble: string | undefined;
}

/** @returns the exit code: 0 the account is valid, 1 it is not, is unknown, or there is none */
export async function showAccount(
  client: KubernetesClient,
  config: CommandSettings,
  { output }: Extract<Request, { kind: 'account' }>,
  { clock, complain, print, signal }: CommandOptions,
): Promise<number> {
  const { accountSecretName, caBundle, directoryUrl, homepage, namespace, proxy, version } = config;
  const store = new KubernetesAccountSecret(client, namespace, accountSecretName);
  const transport = new AcmeTransport({
    clock: new CaClock(clock),
    userAgent: userAgent(version, homepage),
    caBundle,
    proxy,
  });
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(askingLimit)]);
    const secret = await store.read(limit);
    if (secret === undefined) {
      complain(
        `There is no account yet: Secret ${store.name} does not exist. kube-lego makes it before its first order.`,
      );
      return 1;
    }
    const { key, url } = readStoredAccount(secret, store.name, directoryUrl);
    const requests = new SignedRequests({ transport, directoryUrl, key }, url);
    const told = await ask(requests, url, limit);
    const view: AccountView = {
      directory: directoryUrl,
      secret: store.name,
      url,
      keyAlgorithm: key.algorithm,
      thumbprint: key.thumbprint,
      status: told.account?.status,
      contact: told.account?.contact ?? [],
      since: isoTime(told.account?.createdAt ?? secret.createdAt),
      trouble: told.trouble,
    };
    print(output === 'json' ? jsonText(view) : viewText(view));
    return view.status === 'valid' ? 0 : 1;
  } catch (error) {
    if (!(error instanceof AccountError) && !isForbidden(error)) throw error;
    complain(printable(error instanceof Error ? error.message : ''));
    return 1;
  } finally {
    await transport.close();
  }
}

async function ask(
  requests: SignedRequests,
  url: string | undefined,
  signal: AbortSignal,
): Promise<{ readonly account?: AccountObject; readonly trouble: string | undefined }> {
  if (url === undefined) return { trouble: 'It is not registered at this CA yet; or check LEGO_URL.' };
  try {
    return { account: await requests.account(signal, url), trouble: undefined };
  } catch (error) {
    if (!(error instanceof AcmeProblem)) throw error;
    return { trouble: error.message };
  }
}

function viewText(view: AccountView): string {
  const rows: readonly (readonly [string, string])[] = [
    ['CA', view.directory],
    ['URL', view.url ?? 'none'],
    ['Status', view.status ?? 'unknown'],
    ['Contact', view.contact.length === 0 ? 'none that the CA tells' : view.contact.join(', ')],
    ['Key', `${view.keyAlgorithm}, in Secret ${view.secret}`],
    ['Thumbprint', view.thumbprint],
    ['Since', view.since ?? 'unknown'],
    ...(view.trouble === undefined ? [] : [['', view.trouble] as const]),
  ];
  return rows.map(([name, value]) => `${name.padEnd(10)} ${printable(value)}`.trimEnd()).join('\n');
}

function isoTime(at: number | undefined): string | undefined {
  return at === undefined ? undefined : new Date(at).toISOString();
}
