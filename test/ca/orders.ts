import type { CaAccount } from './accounts.ts';
import type { CaAuthorization } from './authorizations.ts';
import type { Identifier } from './exchange.ts';
import { setName } from './identifiers.ts';
import { type ProblemDocument, problemJson } from './refusal.ts';

/** Which of the CA's limits do not hold for an order. */
export type Exemption = 'none' | 'ari' | 'same-set';

export interface CaOrder {
  readonly number: number;
  readonly account: CaAccount;
  readonly identifiers: readonly Identifier[];
  /** Names that the CA has added. */
  readonly added: readonly Identifier[];
  readonly authorizations: readonly CaAuthorization[];
  readonly profile: string;
  /** Id of the certificate (RFC 9773) that it says it replaces. */
  readonly replaces: string | undefined;
  readonly exemption: Exemption;
  /** Milliseconds since the epoch. */
  readonly expires: number;
  /** Set when it is finalized. */
  certificate: { readonly serial: string; readonly chainPem: string; readonly readyAt: number } | undefined;
  error: ProblemDocument | undefined;
  /** So many answers more show it as it was before it was finalized. */
  lag: number;
}

export type OrderStatus = 'pending' | 'ready' | 'processing' | 'valid' | 'invalid';

/** The orders (RFC 8555 section 7.1.3). */
export class Orders {
  readonly #origin: string;
  readonly #byNumber = new Map<number, CaOrder>();
  /** The last order of an account for a set, which Boulder hands back. */
  readonly #reusable = new Map<string, CaOrder>();
  readonly #bySerial = new Map<string, CaOrder>();
  #count = 0;

  constructor(origin: string) {
    this.#origin = origin;
  }

  /** How many were made. */
  get count(): number {
    return this.#count;
  }

  get(number: number): CaOrder | undefined {
    return this.#byNumber.get(number);
  }

  bySerial(serial: string): CaOrder | undefined {
    return this.#bySerial.get(serial);
  }

  /** One that is pending or ready still. */
  reusable(
    account: CaAccount,
    identifiers: readonly Identifier[],
    profile: string,
    now: number,
  ): CaOrder | undefined {
    const found = this.#reusable.get(reuseKey(account, identifiers, profile));
    if (found === undefined || found.expires <= now) return undefined;
    const status = statusOf(found, now);
    return status === 'pending' || status === 'ready' ? found : undefined;
  }

  create(parts: Omit<CaOrder, 'number' | 'certificate' | 'error' | 'lag'>): CaOrder {
    this.#count += 1;
    const order = { ...parts, number: this.#count, certificate: undefined, error: undefined, lag: 0 };
    this.#byNumber.set(order.number, order);
    this.#reusable.set(reuseKey(order.account, order.identifiers, order.profile), order);
    return order;
  }

  /** The order has its certificate, which is shown from `readyAt` on. */
  issued(order: CaOrder, serial: string, chainPem: string, readyAt: number): void {
    order.certificate = { serial, chainPem, readyAt };
    this.#bySerial.set(serial, order);
  }

  url({ number }: CaOrder): string {
    return `${this.#origin}/order/${number}`;
  }

  json(order: CaOrder, status: OrderStatus, authorizationUrl: (of: CaAuthorization) => string): object {
    const { added, certificate, error, number, profile, replaces } = order;
    const identifiers = [...added, ...order.identifiers];
    return {
      status,
      expires: new Date(order.expires).toISOString(),
      identifiers,
      authorizations: order.authorizations.map(authorizationUrl),
      finalize: `${this.#origin}/finalize/${number}`,
      profile,
      ...(replaces !== undefined && { replaces }),
      ...(error !== undefined && { error: problemJson(error) }),
      ...(status === 'valid' && { certificate: `${this.#origin}/certificate/${certificate?.serial}` }),
    };
  }
}

/** What the order is now: it follows from its authorizations until it is finalized. */
export function statusOf(order: CaOrder, now: number): OrderStatus {
  if (order.error !== undefined) return 'invalid';
  if (order.certificate !== undefined) return now < order.certificate.readyAt ? 'processing' : 'valid';
  let status: OrderStatus = 'ready';
  for (const authorization of order.authorizations) {
    if (authorization.status === 'pending') {
      if (authorization.expires <= now) return 'invalid';
      status = 'pending';
    } else if (authorization.status !== 'valid') return 'invalid';
  }
  return status;
}

function reuseKey(account: CaAccount, identifiers: readonly Identifier[], profile: string): string {
  return `${account.number} ${profile} ${setName(identifiers)}`;
}
