// The self-check: requests a challenge through the host's public name before an order, as the CA would. Called by the HTTP-01 solver
// and `kube-lego explain`.

import { randomBytes } from 'node:crypto';
import { second } from '../../../../machines/time/durations.ts';
import type { Clock } from '../../../time/clock.ts';
import { challengePath } from '../challenge-path.ts';
import { type AddressPolicy, resolveHost } from './addresses.ts';
import { type Answer, maxBodyLength, requestChallenge } from './challenge-request.ts';
import { type ChallengePorts, followRedirect, isRedirect, portOf } from './redirect.ts';

/**
 * Whether the CA's request for a challenge would reach us.
 *
 * - `wrong-answer`: another server answers, or the name does not resolve: the CA need not be asked.
 * - `inconclusive`: no connection or no resolution from inside the cluster; from outside it may work.
 *
 * Messages are one sentence and never contain what the server sent.
 */
export type Verdict =
  | {
      readonly kind: 'reachable';
      /** A defect that does not prevent the validation, such as a dead IPv6 address. */
      readonly notice: string | undefined;
      /** Answered after a redirect. */
      readonly redirected?: true;
    }
  | {
      readonly kind: 'wrong-answer';
      readonly message: string;
      /** HTTP status, if any. */
      readonly status: number | undefined;
      /** The host of the last answer, after redirects. */
      readonly finalHost: string;
      /** The name, or the target of its redirect, does not resolve. */
      readonly unresolved?: boolean;
    }
  | { readonly kind: 'inconclusive'; readonly message: string; readonly unresolved?: boolean };

export interface SelfCheckSettings extends AddressPolicy {
  /** RFC 7638 thumbprint of the account key, base64url, in our responders' answers. */
  readonly thumbprint: string;
  readonly ports: ChallengePorts;
  readonly userAgent: string;
  readonly clock: Clock;
}

/** Milliseconds, as a CA's timeout (Boulder, va/http.go). */
const checkTimeout = 10 * second;
const connectTimeout = 5 * second;

/**
 * Requests a random token from the host through its public name and compares the answer, by the rules of Let's Encrypt: first AAAA,
 * then A if AAAA refuses the connection; redirects; each request on a new connection.
 *
 * @param undialable addresses known to refuse connections: skipped, new ones are added
 * @throws the signal's reason
 */
export async function selfCheck(
  host: string,
  settings: SelfCheckSettings,
  signal: AbortSignal,
  undialable: Set<string> = new Set(),
): Promise<Verdict> {
  const limit = new AbortController();
  const timer = settings.clock.setTimeout(() => limit.abort(), checkTimeout);
  try {
    const check = new Check(host, settings, AbortSignal.any([signal, limit.signal]), undialable);
    return await check.run();
  } catch (error) {
    if (signal.aborted || !limit.signal.aborted) throw error;
    const message = `Host ${host} did not complete its answer within ${checkTimeout / 1000} s when asked from inside the cluster.`;
    return { kind: 'inconclusive', message };
  } finally {
    settings.clock.clearTimeout(timer);
  }
}

class Check {
  readonly #host: string;
  readonly #settings: SelfCheckSettings;
  readonly #signal: AbortSignal;
  readonly #undialable: Set<string>;
  readonly #token = randomBytes(32).toString('base64url');
  readonly #visited: URL[];
  #notice: string | undefined;

  constructor(host: string, settings: SelfCheckSettings, signal: AbortSignal, undialable: Set<string>) {
    this.#host = host;
    this.#settings = settings;
    this.#signal = signal;
    this.#undialable = undialable;
    const { http } = settings.ports;
    this.#visited = [new URL(`http://${host}:${http}${challengePath}${this.#token}`)];
  }

  async run(): Promise<Verdict> {
    for (let url = this.#visited[0]; url !== undefined; ) {
      const answer = await this.#ask(url);
      if (answer.kind !== 'answer') return 'verdict' in answer ? answer.verdict : this.#noAnswer(url, answer);
      if (!isRedirect(answer.status)) return this.#judge(url, answer.status, answer.body);
      const target = followRedirect(answer.location, this.#visited, this.#settings.ports);
      if ('refusal' in target) {
        const message = `${this.#subject(url)} redirects the challenge ${target.refusal}.`;
        return this.#wrong(url, message, answer.status);
      }
      this.#visited.push(target);
      url = target;
    }
    throw new Error('unreachable: every round returns or continues with a URL');
  }

  async #ask(url: URL): Promise<Answer | { kind: 'unresolved'; verdict: Verdict }> {
    const resolution = await resolveHost(url.hostname, this.#settings, this.#signal);
    if (resolution.kind === 'none') {
      const { message } = resolution;
      const verdict: Verdict = resolution.definite
        ? { ...this.#wrong(url, message), unresolved: true }
        : { kind: 'inconclusive', message, unresolved: true };
      return { kind: 'unresolved', verdict };
    }
    const { ipv6, ipv4 } = resolution;
    const first = ipv6 ?? ipv4;
    if (first === undefined) throw new Error('a resolution has an address');
    const passedOver = first === ipv6 && ipv4 !== undefined && this.#undialable.has(first);
    const answer: Answer = passedOver
      ? { kind: 'not-connected', reason: 'failed before' }
      : await this.#request(url, first);
    // A CA falls back to IPv4 only if IPv6 cannot be connected to, and only before any redirect.
    const last = this.#visited.length > 1 || ipv6 === undefined || ipv4 === undefined;
    if (answer.kind !== 'not-connected' || last) return answer;
    this.#undialable.add(ipv6);
    this.#notice = `Host ${this.#host} has the IPv6 address ${ipv6}, which cannot be connected to from inside the cluster.`;
    return this.#request(url, ipv4);
  }

  #request(url: URL, address: string): Promise<Answer> {
    const { ports, userAgent, clock } = this.#settings;
    const request = { url, address, port: portOf(url, ports), userAgent, connectTimeout, clock };
    return requestChallenge(request, this.#signal);
  }

  #judge(url: URL, status: number, body: string): Verdict {
    const { thumbprint } = this.#settings;
    if (status === 200 && body.length < maxBodyLength && body.trimEnd() === `${this.#token}.${thumbprint}`) {
      const verdict: Verdict = { kind: 'reachable', notice: this.#notice };
      return this.#visited.length > 1 ? { ...verdict, redirected: true } : verdict;
    }
    return this.#wrong(url, `${this.#subject(url)} ${meaningOf(status, body, this.#token)}.`, status);
  }

  #noAnswer(url: URL, answer: Exclude<Answer, { kind: 'answer' }>): Verdict {
    const subject = this.#subject(url);
    const { kind, reason } = answer;
    if (kind === 'tls-failed') {
      return this.#wrong(url, `${subject} fails in the TLS handshake (${reason}), as it would for the CA.`);
    }
    if (kind === 'not-http') {
      return this.#wrong(url, `${subject} answers with something that is not HTTP/1.1 (${reason}).`);
    }
    const families = this.#notice === undefined ? '' : ', neither over IPv6 nor over IPv4';
    const what =
      kind === 'not-connected'
        ? `cannot be connected to from inside the cluster${families}`
        : 'took the connection from inside the cluster but gave no answer';
    return { kind: 'inconclusive', message: `${subject} ${what} (${reason}).` };
  }

  #wrong(url: URL, message: string, status?: number): Extract<Verdict, { kind: 'wrong-answer' }> {
    return { kind: 'wrong-answer', message, status, finalHost: url.hostname };
  }

  #subject(url: URL): string {
    return url === this.#visited[0]
      ? `Host ${this.#host}`
      : `Host ${this.#host} redirects the challenge to ${url.origin}, which`;
  }
}

/** A clause after the host's name. */
function meaningOf(status: number, body: string, token: string): string {
  const answers = `answers the challenge with status ${status}`;
  if (status === 200) {
    return body.startsWith(`${token}.`)
      ? `${answers}, but for another ACME account: another ACME client is in the way`
      : `${answers}, but not with kube-lego's text: the application or another server took the request`;
  }
  if (status === 404)
    return `${answers}: the challenge rule is not in effect there, or another server was asked`;
  if (status === 401 || status === 403 || status === 407) {
    return `${answers}: authentication, an allow-list or a firewall is in front of the challenge path`;
  }
  if (status >= 500) return `${answers}: the ingress controller cannot reach kube-lego`;
  return `${answers} instead of 200`;
}
