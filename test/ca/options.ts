import type { Finding } from './authorizations.ts';
import type { CaEndpoint, Identifier } from './exchange.ts';
import type { CaLimit, CaLimitRule } from './limit-rules.ts';
import type { Denial, LimitScope } from './limits.ts';
import type { Exemption } from './orders.ts';
import type { CaProfile } from './profiles.ts';

/** Something that happened at the CA. */
export type CaEvent =
  | { readonly type: 'request'; readonly endpoint: CaEndpoint; readonly status: number; readonly at: number }
  | {
      readonly type: 'order-asked';
      readonly identifiers: readonly Identifier[];
      /** What it is held against. */
      readonly scopes: readonly LimitScope[];
      readonly at: number;
    }
  /** An order was refused for this identifier, because it is paused. */
  | { readonly type: 'pause-met'; readonly identifier: string; readonly at: number }
  | {
      readonly type: 'order-made';
      readonly identifiers: readonly Identifier[];
      /** It is one that was there before. */
      readonly reused: boolean;
      readonly at: number;
    }
  /** A host could not be validated. */
  | { readonly type: 'proof-failed'; readonly identifier: string; readonly at: number }
  | ({ readonly type: 'denied'; readonly at: number } & Denial)
  | { readonly type: 'paused'; readonly identifier: string; readonly at: number }
  | {
      readonly type: 'issued';
      readonly identifiers: readonly Identifier[];
      readonly certificateId: string;
      readonly notAfter: number;
      readonly exemption: Exemption;
      readonly at: number;
    }
  | {
      readonly type: 'revoked';
      readonly certificateId: string;
      /** RFC 5280 section 5.3.1 */
      readonly reason: number;
      /** Signed by the certificate's own key. */
      readonly byKey: boolean;
      readonly at: number;
    };

export interface CaOptions {
  /** Milliseconds since the epoch; the only clock. */
  readonly now: () => number;
  /** HTTP-01 validation of a host (RFC 8555 section 8.3). */
  readonly validate: (host: string, token: string, keyAuthorization: string) => Promise<Finding>;
  /** DNS-01 validation of a host (RFC 8555 section 8.4); fails if not given. */
  readonly validateDns?: ((host: string, keyAuthorization: string) => Promise<Finding>) | undefined;
  /** What its URLs begin with; https://ca.test if not given. */
  readonly origin?: string | undefined;
  /** For nonces, tokens and what the faults leave to chance. */
  readonly seed?: number | undefined;
  /** None if not given; `letsEncryptLimits`. */
  readonly limits?: Partial<Readonly<Record<CaLimit, CaLimitRule>>> | undefined;
  /** The most that a refusal asks to wait more than needed, as a share; 0.03 if not given, as at Boulder. */
  readonly limitJitter?: number | undefined;
  /** So many times faster than the limits say do they fill up again. */
  readonly limitSpeed?: number | undefined;
  /** `letsEncryptProfiles` if not given; the first one is the default. */
  readonly profiles?: Readonly<Record<string, CaProfile>> | undefined;
  /** Whether a new order for the set of an order in progress is that order, as at Boulder; true if not given. */
  readonly orderReuse?: boolean | undefined;
  /** Whether a proof is used again while it is good; true if not given. */
  readonly authorizationReuse?: boolean | undefined;
  /** A failed challenge: `invalid` is final; after `pending` it can be answered again (as at step-ca). */
  readonly failedChallenge?: 'invalid' | 'pending' | undefined;
  /** Milliseconds from finalization to the certificate, asked for each one; 0 if not given. */
  readonly issuanceTime?: (() => number) | undefined;
  /** So many answers after the finalization still say `ready`, as of a replica that lags; 0 if not given. */
  readonly lagging?: number | undefined;
  /** Seconds that a poll is told to wait while the CA is at work. */
  readonly pollAfter?: { readonly order?: number; readonly authorization?: number } | undefined;
  /** Seconds that an answer about renewal is good for, 21,600 if not given. */
  readonly renewalInfoAfter?: number | undefined;
  /** Whether there is renewal information; true if not given. */
  readonly renewalInfo?: boolean | undefined;
  /** MAC keys in base64url by key id, without one of which there is no account. */
  readonly externalAccounts?: Readonly<Record<string, string>> | undefined;
  /** JWS algorithms that it accepts; Boulder's if not given. */
  readonly algorithms?: readonly string[] | undefined;
  /** Whether a look-up of an account is refused without an external account binding, as at some commercial CAs. */
  readonly boundLookUps?: boolean | undefined;
  /** Whether an account needs an e-mail address. */
  readonly contactRequired?: boolean | undefined;
  /** Names that it adds to an order for a host, and needs no proof for. */
  readonly addedNames?: ((host: string) => readonly string[]) | undefined;
  /** Whether a CSR needs a common name. */
  readonly commonNameRequired?: boolean | undefined;
  /** How it sends a chain, PEM; leaf and intermediate if not given. */
  readonly sentChain?:
    | ((chain: {
        readonly leafPem: string;
        readonly intermediatePem: string;
        readonly rootPem: string;
      }) => string)
    | undefined;
  /** Status of the answer to a new order that returns one that was there before; 201 if not given, as at Boulder. */
  readonly existingOrderStatus?: number | undefined;
  readonly onEvent?: ((event: CaEvent) => void) | undefined;
}
