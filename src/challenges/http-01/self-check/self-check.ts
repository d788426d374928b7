// The self-check: requests a challenge through the host's public name before an order, as the CA would. Called by the HTTP-01 solver
// and `kube-lego explain`.

import { randomBytes } from 'node:crypto';
import { challengePath } from '../../../../machines/hosts/challenge-path.ts';
import { second } from '../../../../machines/time/durations.ts';
import type { Clock } from '../../../time/clock.ts';
import { type AddressPolicy, isPrivate, type Resolution, resolveHost } from '../../addresses.ts';
import { type Answer, maxBodyLength, requestChallenge } from './challenge-request.ts';
import { type ChallengePorts, followRedirect, isRedirect, portOf } from './redirect.ts';
import { describeWrongAnswer } from './wrong-answer.ts';

/**
 * Whether the CA's request for a challenge would reach us.
 *
 * - `wrong-answer`: another server answers, or the name does not resolve: the CA need not be asked.
 * - `inconclusive`: no connection or no resolution from inside the cluster; from outside it may work.
 *
 * Messages never contain what the server sent, but the header `Server` of a host with an address of the internet. Of another host than the one that is checked they tell nothing
 * but its name: a redirect can lead to any server that this pod reaches, and the owner of the host reads the message.
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
      /** HTTP status, if any; of whatever server a redirect led to, so it is not for the owner of the host. */
      readonly status: number | undefined;
      /** The host, or the first other one that it redirects to. */
      readonly finalHost: string;
      /** The address of the host that answered, and its `Server`, if it is not another host's. */
      readonly from?: string;
      /** Instead of the usual one. */
      readonly remedy?: string | undefined;
      /** The name, or the target of its redirect, does not resolve. */
      readonly unresolved?: boolean;
      /** Before it, kube-lego has answered. */
      readonly changing?: true;
    }
  | { readonly kind: 'inconclusive'; readonly message: string; readonly unresolved?: boolean };

export interface SelfCheckSettings extends Omit<AddressPolicy, 'publicOnly'> {
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
      if ('verdict' in answer) return answer.verdict;
      if (answer.kind !== 'answer') return this.#noAnswer(url, answer);
      if (!isRedirect(answer.status)) return this.#judge(url, answer);
      const target = followRedirect(answer.location, this.#visited, this.#settings);
      if ('refusal' in target) {
        return this.#wrong(url, `redirects the challenge ${target.refusal}`, answer.status);
      }
      this.#visited.push(target);
      url = target;
    }
    throw new Error('unreachable: every round returns or continues with a URL');
  }

  async #ask(url: URL): Promise<Answer | { readonly verdict: Verdict }> {
    const publicOnly = this.#settings.publicCa && this.#otherHost() !== undefined;
    const resolution = await resolveHost(url.hostname, { ...this.#settings, publicOnly }, this.#signal);
    if (resolution.kind === 'none') return { verdict: this.#unresolved(url, resolution) };
    const { ipv6, ipv4 } = resolution;
    const first = ipv6 ?? ipv4;
    if (first === undefined) throw new Error('a resolution has an address');
    const addresses = [ipv6, ipv4].filter((address) => address !== undefined);
    if (addresses.some(isPrivate) && !this.#isChallenge(url)) {
      const what = 'has a private address, and is asked for the challenge itself only, not for another path';
      const message = this.#notFollowed(url, `${this.#subject(url)} ${what}.`);
      return { verdict: this.#wrongAnswer(url, message) };
    }
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

  /** Not what a redirect makes of it: an internal server could take another path, or a query, for a command. */
  #isChallenge(url: URL): boolean {
    return url.pathname + url.search === `${challengePath}${this.#token}`;
  }

  #unresolved(url: URL, { message, definite }: Extract<Resolution, { kind: 'none' }>): Verdict {
    const kind = definite ? 'wrong-answer' : 'inconclusive';
    const finalHost = this.#told(url).hostname;
    return { kind, message: this.#notFollowed(url, message), status: undefined, finalHost, unresolved: true };
  }

  #notFollowed(url: URL, message: string): string {
    return url === this.#told(url)
      ? message
      : `${this.#subject(url)} redirects it to where kube-lego does not follow.`;
  }

  #judge(url: URL, answer: Extract<Answer, { kind: 'answer' }>): Verdict {
    const { thumbprint } = this.#settings;
    const { status, body, address } = answer;
    if (status === 200 && body.length < maxBodyLength && body.trimEnd() === `${this.#token}.${thumbprint}`) {
      const verdict: Verdict = { kind: 'reachable', notice: this.#notice };
      return this.#visited.length > 1 ? { ...verdict, redirected: true } : verdict;
    }
    // Of an internal server only the status is reported.
    const server = isPrivate(address) ? undefined : answer.server;
    const { what, ...more } = describeWrongAnswer({ status, body, token: this.#token, address, server });
    const verdict = this.#wrong(url, what, status);
    return this.#otherHost() === undefined ? { ...verdict, ...more } : verdict;
  }

  #noAnswer(url: URL, { kind, reason }: Exclude<Answer, { kind: 'answer' }>): Verdict {
    const isOther = this.#otherHost() !== undefined;
    const code = isOther ? '' : ` (${reason})`;
    if (kind === 'tls-failed') {
      const message = `${this.#subject(url)} fails in the TLS handshake${code}, as it would for the CA.`;
      return this.#wrongAnswer(url, message);
    }
    if (kind === 'not-http') {
      return this.#wrong(url, `answers with something that is not HTTP/1.1${code}`);
    }
    const families = this.#notice === undefined ? '' : ', neither over IPv6 nor over IPv4';
    const what =
      kind === 'not-connected'
        ? `cannot be connected to from inside the cluster${families}`
        : 'took the connection from inside the cluster but gave no answer';
    const told = isOther ? 'gave no answer from inside the cluster' : what;
    return { kind: 'inconclusive', message: `${this.#subject(url)} ${told}${code}.` };
  }

  /** @param what a clause after the host's name, told of the host itself only */
  #wrong(url: URL, what: string, status?: number): Verdict {
    const other = this.#otherHost();
    const told = other === undefined ? what : "gives another answer than kube-lego's";
    return this.#wrongAnswer(url, `${this.#subject(url)} ${told}.`, status);
  }

  #wrongAnswer(url: URL, message: string, status?: number): Verdict {
    return { kind: 'wrong-answer', message, status, finalHost: this.#told(url).hostname };
  }

  #subject(url: URL): string {
    const target = this.#told(url);
    return target === this.#visited[0]
      ? `Host ${this.#host}`
      : `Host ${this.#host} redirects the challenge to ${target.origin}, which`;
  }

  /** The address in the message to the owner of the host: not the target of another host's redirect. */
  #told(url: URL): URL {
    return this.#otherHost() ?? url;
  }

  /** The first URL at another host. */
  #otherHost(): URL | undefined {
    return this.#visited.find(({ hostname }) => hostname !== this.#visited[0]?.hostname);
  }
}
