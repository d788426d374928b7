import { recordField, stringField } from '../../src/process/json.ts';
import { type PublicKey, parseJws, payloadOf, publicKey, readJws, verifyJws, verifyMac } from './jws.ts';
import { malformed, Refusal, unauthorized } from './refusal.ts';

export interface CaAccount {
  readonly number: number;
  readonly url: string;
  key: PublicKey;
  status: 'valid' | 'deactivated';
}

export interface AccountsOptions {
  readonly origin: string;
  /** MAC keys in base64url by key id: an account needs one of them (RFC 8555 section 7.3.4). */
  readonly externalAccounts?: Readonly<Record<string, string>> | undefined;
  readonly boundLookUps?: boolean | undefined;
  readonly contactRequired?: boolean | undefined;
}

/** The accounts. */
export class Accounts {
  readonly #options: AccountsOptions;
  readonly #byUrl = new Map<string, CaAccount>();
  readonly #byThumbprint = new Map<string, CaAccount>();

  constructor(options: AccountsOptions) {
    this.#options = options;
  }

  /** The one that was registered last. */
  get last(): CaAccount | undefined {
    return [...this.#byUrl.values()].at(-1);
  }

  /** @throws Refusal if there is none, or none any more */
  byUrl(url: string): CaAccount {
    const account = this.#byUrl.get(url);
    if (account === undefined) throw doesNotExist(`Account ${JSON.stringify(url)} not found`);
    checkStatus(account);
    return account;
  }

  byKey({ thumbprint }: PublicKey): CaAccount | undefined {
    return this.#byThumbprint.get(thumbprint);
  }

  /**
   * RFC 8555 section 7.3
   * @param admit throws if no account may be made now
   */
  register(
    key: PublicKey,
    payload: Readonly<Record<string, unknown>>,
    jwsUrl: string,
    admit: () => void,
  ): { readonly account: CaAccount; readonly isNew: boolean } {
    const binding = recordField(payload, 'externalAccountBinding');
    if (this.#options.boundLookUps === true) this.#checkExternalAccount(binding, key, jwsUrl);
    const found = this.#byThumbprint.get(key.thumbprint);
    if (found !== undefined) {
      checkStatus(found);
      return { account: found, isNew: false };
    }
    if (payload['onlyReturnExisting'] === true) throw doesNotExist('No account exists with the provided key');
    if (payload['termsOfServiceAgreed'] !== true) throw malformed('must agree to terms of service');
    checkContact(payload['contact']);
    if (this.#options.contactRequired === true && payload['contact'] === undefined)
      throw malformed('A contact e-mail address is required');
    this.#checkExternalAccount(binding, key, jwsUrl);
    admit();
    const number = this.#byUrl.size + 1;
    const account: CaAccount = {
      number,
      url: `${this.#options.origin}/account/${number}`,
      key,
      status: 'valid',
    };
    this.#byUrl.set(account.url, account);
    this.#byThumbprint.set(key.thumbprint, account);
    return { account, isNew: true };
  }

  /** An update, or the end of the account (RFC 8555 sections 7.3.2 and 7.3.6). */
  update(account: CaAccount, payload: Readonly<Record<string, unknown>>): void {
    checkContact(payload['contact']);
    const status = payload['status'];
    if (status === 'deactivated') account.status = 'deactivated';
    else if (status !== undefined && status !== account.status)
      throw malformed(`Invalid value ${JSON.stringify(status)} for the status of an account`);
  }

  /** RFC 8555 section 7.3.5; the payload of the outer JWS is the inner one, signed by the new key. */
  changeKey(account: CaAccount, oldJwk: PublicKey, payload: string, url: string): void {
    const inner = parseJws(payload);
    if (inner.jwk === undefined || inner.kid !== undefined || inner.nonce !== undefined)
      throw malformed('The inner JWS needs a jwk, no kid and no nonce');
    if (inner.url !== url) throw malformed('The inner JWS is for another URL');
    const newKey = publicKey(inner.jwk);
    verifyJws(inner, newKey);
    const change = payloadOf(inner);
    const oldKey = recordField(change, 'oldKey');
    if (stringField(change, 'account') !== account.url)
      throw malformed('The inner JWS is for another account');
    if (oldKey === undefined || publicKey(oldKey).thumbprint !== oldJwk.thumbprint)
      throw malformed("oldKey is not the account's key");
    const holder = this.#byThumbprint.get(newKey.thumbprint);
    if (holder !== undefined) {
      const problem = { type: 'malformed', detail: 'New key is already in use', status: 409 };
      throw new Refusal(problem, { location: holder.url });
    }
    this.#byThumbprint.delete(oldJwk.thumbprint);
    this.#byThumbprint.set(newKey.thumbprint, account);
    account.key = newKey;
  }

  /** Like a CA that lost its data. */
  forgetAll(): void {
    this.#byUrl.clear();
    this.#byThumbprint.clear();
  }

  #checkExternalAccount(binding: Record<string, unknown> | undefined, key: PublicKey, url: string): void {
    const { externalAccounts } = this.#options;
    if (externalAccounts === undefined) return;
    if (binding === undefined) {
      const detail = 'The request must include a value for the "externalAccountBinding" field';
      throw new Refusal({ type: 'externalAccountRequired', detail, status: 403 });
    }
    const jws = readJws(binding);
    const secret = externalAccounts[jws.kid ?? ''];
    if (secret === undefined) throw unauthorized('The external account is not known');
    if (jws.nonce !== undefined || jws.url !== url)
      throw malformed('The external account binding needs the same url and no nonce');
    verifyMac(jws, Buffer.from(secret, 'base64url'));
    if (publicKey(payloadOf(jws)).thumbprint !== key.thumbprint)
      throw malformed('The external account binding is for another key');
  }
}

/** The account as the CA shows it. LE keeps no contacts. */
export function accountJson(account: CaAccount): Record<string, unknown> {
  return { status: account.status };
}

function checkStatus(account: CaAccount): void {
  if (account.status !== 'valid') throw unauthorized(`Account is not valid, has status "${account.status}"`);
}

function doesNotExist(detail: string): Refusal {
  return new Refusal({ type: 'accountDoesNotExist', detail, status: 400 });
}

function checkContact(contact: unknown): void {
  if (contact === undefined) return;
  if (!Array.isArray(contact)) throw malformed('contact is not a list');
  for (const entry of contact) {
    const text = typeof entry === 'string' ? entry : '';
    const problem = (type: string, detail: string): Refusal => new Refusal({ type, detail, status: 400 });
    if (!text.startsWith('mailto:'))
      throw problem('unsupportedContact', 'only contact scheme "mailto:" is supported');
    if (!/^mailto:[^@\s,?]+@[^@\s,?]+\.[^@\s,?]+$/.test(text))
      throw problem('invalidContact', 'contact email has an invalid address');
  }
}
