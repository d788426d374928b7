import { presentable } from '../../../machines/reasons/foreign-text.ts';
import { linkForOwner } from '../../../machines/reasons/redaction.ts';
import { sentences } from '../../../machines/reasons/sentences.ts';

/** Kind of a request to the CA: label of its metrics and subject of its errors. */
export type Endpoint =
  | 'directory'
  | 'new-nonce'
  | 'new-account'
  | 'account'
  | 'new-order'
  | 'order'
  | 'authorization'
  | 'challenge'
  | 'finalize'
  | 'certificate'
  | 'renewal-info'
  | 'revoke-cert'
  | 'key-change';

export interface Identifier {
  readonly type: string;
  readonly value: string;
}

/** The problem of one identifier (RFC 8555 section 6.7.1). */
export interface Subproblem {
  readonly type: string;
  readonly detail: string;
  readonly identifier: Identifier | undefined;
}

/** A problem document of the CA, or an error of the connection. */
export interface Problem {
  /** Without `urn:ietf:params:acme:error:`; `unreachable`, `timeout`, `busy` and `invalidResponse` are ours. */
  readonly type: string;
  readonly detail: string;
  readonly status: number | undefined;
  readonly subproblems: readonly Subproblem[];
  readonly instance: string | undefined;
}

export interface AcmeProblemInit {
  readonly type: string;
  readonly detail: string;
  readonly endpoint: Endpoint;
  /** Host name of the CA. */
  readonly ca: string;
  readonly status?: number | undefined;
  readonly subproblems?: readonly Subproblem[] | undefined;
  readonly instance?: string | undefined;
  /** Milliseconds. */
  readonly retryAfter?: number | undefined;
  /** URL of terms to agree to, of the `Link` header. */
  readonly termsOfService?: string | undefined;
  /** Those that the CA accepts, in its refusal of another one (RFC 8555 section 6.2). */
  readonly algorithms?: readonly string[] | undefined;
  readonly cause?: unknown;
}

/** A failed request to the CA. The message has the CA, the request and the remedy. */
export class AcmeProblem extends Error implements Problem {
  override readonly name = 'AcmeProblem';
  readonly code = 'AcmeProblem';
  readonly type: string;
  /** The CA's text. For a paused identifier it contains a capability URL, which `message` omits. */
  readonly detail: string;
  readonly status: number | undefined;
  readonly endpoint: Endpoint;
  readonly ca: string;
  readonly subproblems: readonly Subproblem[];
  readonly instance: string | undefined;
  readonly retryAfter: number | undefined;
  readonly termsOfService: string | undefined;
  readonly algorithms: readonly string[];

  constructor(init: AcmeProblemInit) {
    super(describe(init), { cause: init.cause });
    this.type = init.type;
    this.detail = init.detail;
    this.status = init.status;
    this.endpoint = init.endpoint;
    this.ca = init.ca;
    this.subproblems = init.subproblems ?? [];
    this.instance = init.instance;
    this.retryAfter = init.retryAfter;
    this.termsOfService = init.termsOfService;
    this.algorithms = init.algorithms ?? [];
  }

  /** The message with this remedy; undefined for the usual one. */
  saidWith(remedy: string | undefined): string {
    return remedy === undefined ? this.message : describe(this, remedy);
  }

  /** The CA is unreachable, failing or busy: the same request may succeed later. */
  get transient(): boolean {
    if (['unreachable', 'timeout', 'busy', 'badNonce'].includes(this.type)) return true;
    if (this.type === 'rateLimited') return /service busy/i.test(this.detail);
    return this.status === undefined || this.status < 400 || this.status >= 500;
  }

  /** Capability URL that unpauses an identifier (Let's Encrypt): only the Ingress's owner may see it. */
  get unpauseUrl(): string | undefined {
    return isPause(this) ? /https:\/\/\S{1,4096}/.exec(this.detail)?.[0] : undefined;
  }
}

/** Whether the CA has paused identifiers (Let's Encrypt): no order for them until their owner unpauses them. */
export function isPause({ type, detail }: Pick<Problem, 'type' | 'detail'>): boolean {
  return type === 'rateLimited' && /temporarily prevented from requesting certificates/i.test(detail);
}

/** Whether the CA would give the same answer to the same request again. */
export function isLastingRefusal(error: unknown): error is AcmeProblem {
  return (
    error instanceof AcmeProblem && !error.transient && error.type !== 'rateLimited' && error.status !== 429
  );
}

/** Whether the CA has refused to tell of an order: that changes nothing about the order. */
export function isRefusedReading({ endpoint }: Pick<AcmeProblem, 'endpoint'>): boolean {
  return endpoint === 'order' || endpoint === 'certificate';
}

const remedies: Readonly<Record<string, string>> = {
  unreachable:
    'Check LEGO_URL, HTTPS_PROXY and that the cluster allows egress to the CA; kube-lego tries again.',
  timeout:
    'Check the connection to the CA (LEGO_URL, HTTPS_PROXY) and its status page; kube-lego tries again.',
  busy: 'The CA is busy, failing or under maintenance: see its status page; kube-lego tries again.',
  invalidResponse:
    'Check that LEGO_URL is the directory of an ACME CA and that no proxy answers in its place.',
  accountDoesNotExist: 'The account is registered again with the same key.',
  badCSR: "Choose another key type (kube-lego.io/key-type), or see the CA's rules.",
  badNonce: 'Nothing to do: kube-lego tries again.',
  badPublicKey: 'The CA does not accept this key: choose another type or size.',
  caa: 'Add this CA to the CAA records of the domain, or remove them.',
  connection: 'Make port 80 of the host reachable from the internet.',
  dns: 'Correct the DNS records of the host.',
  externalAccountRequired:
    'Get an external account binding from the CA and set LEGO_EAB_KID and LEGO_EAB_HMAC_KEY.',
  incorrectResponse: 'Route /.well-known/acme-challenge/ of the host to kube-lego.',
  invalidContact: 'Correct LEGO_EMAIL.',
  invalidProfile: 'Correct or remove kube-lego.io/profile.',
  rateLimited: 'Wait: kube-lego tries again when the CA allows it.',
  rejectedIdentifier:
    'The CA does not issue for this name: remove it from spec.tls, or from the listener or HTTPRoute.',
  serverInternal: "Nothing to do, see the CA's status page; kube-lego tries again.",
  tls: 'Correct the TLS configuration of the host.',
  unsupportedContact: 'Correct LEGO_EMAIL.',
  unsupportedIdentifier:
    'The CA does not issue for this kind of name: remove it from spec.tls, or from the listener or HTTPRoute.',
  userActionRequired: "Follow the CA's instructions, then try again.",
};

const longestWords = 1000;

/** The remedy of a problem; empty if there is none. */
function remedy({ type, detail }: { readonly type: string; readonly detail: string }): string {
  if (type === 'badCSR' && /common ?name|\bCN\b/i.test(detail)) return commonNameRemedy;
  return Object.hasOwn(remedies, type) ? (remedies[type] ?? '') : '';
}

const commonNameRemedy =
  'Set LEGO_COMMON_NAME to first if the CA wants a common name, or to none if it wants none.';

/** A problem as text: the CA's detail on one line of bounded length, and the remedy. */
export function problemWords(
  problem: { readonly type: string; readonly detail: string },
  whatToDo: string = remedy(problem),
): string {
  return sentences(detailOf(problem), isPause(problem) ? '' : whatToDo);
}

function describe(init: AcmeProblemInit, whatToDo?: string): string {
  const status = init.status === undefined ? '' : `, HTTP ${init.status}`;
  const instructions = [init.instance, init.termsOfService].filter((url) => url !== undefined);
  const where =
    init.type === 'userActionRequired' && instructions.length > 0 ? `See ${instructions.join(' and ')}.` : '';
  // The detail of these types is ours, of all others the CA's.
  const spoken = !['unreachable', 'timeout', 'busy', 'invalidResponse'].includes(init.type);
  const what = spoken
    ? `${init.ca} refused the ${init.endpoint} request`
    : `The ${init.endpoint} request to ${init.ca} failed`;
  return sentences(`${what} (${init.type}${status}): ${problemWords(init, whatToDo)}`, where);
}

/**
 * The detail on one line of bounded length, without key authorizations and without the capability URL of a paused
 * identifier in any form.
 */
function detailOf(problem: Pick<Problem, 'type' | 'detail'>): string {
  const { detail } = problem;
  const said = isPause(problem) ? detail.replaceAll(/https?:\/\/\S*/g, linkForOwner) : detail;
  return presentable(said, longestWords);
}
