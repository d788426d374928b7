/*
 * The ways to prove a host to a CA. A round's steps call them: `prepare` before there is an order, `present` with the CA's challenge in
 * hand, `cleanUp` after, however it ended. HTTP-01 is one of them (http-01/).
 */
import type { HostRoute } from '../../machines/ownership/desired-certificate.ts';
import type { ReasonCode } from '../../machines/reasons/reasons.ts';
import type { OfferedChallenge } from '../acme/order/authorization.ts';

export interface ChallengeSolver {
  /** The type of the challenge that it solves, such as `http-01` (RFC 8555 section 8). */
  readonly type: string;
  /**
   * Does what can be done before there is an order, so that a host which cannot be proven costs the CA nothing.
   *
   * @returns what is known of the hosts that were looked at
   * @throws StepError where none of them can be proven, KubernetesError, or the signal's reason
   */
  prepare(preparation: Preparation, signal: AbortSignal): Promise<readonly HostVerdict[]>;
  /**
   * Shows what the CA will look for. Resolves when it can be seen; the CA is told then.
   *
   * @throws StepError, or the signal's reason
   */
  present(round: string, challenge: OfferedChallenge, signal: AbortSignal): Promise<void>;
  /** Takes away, in the background, what is there for this round. A round that has nothing left is no error. */
  cleanUp(round: string): void;
  /** Whether the host can be judged from here, because it was; kept with its certificate for the next process. */
  canJudge(host: string): boolean;
}

export interface Preparation {
  readonly round: string;
  readonly hosts: readonly HostRoute[];
  /** RFC 7638 thumbprint of the account key, base64url, of which every key authorization is made. */
  readonly thumbprint: string;
  /** False where the owner wants the CA asked without a look at the host before. */
  readonly selfCheck: boolean;
  /** Hosts that an earlier process could judge. */
  readonly judged: readonly string[];
}

/** Whether a CA would find what it looks for. Messages are one sentence for a person. */
export type HostVerdict = { readonly host: string } & (
  | {
      readonly kind: 'provable';
      /** What a person should mend although it works. */
      readonly notice?: string | undefined;
    }
  /** It cannot be told from here: the CA is asked. */
  | { readonly kind: 'unknown'; readonly message: string }
  | { readonly kind: 'not-provable'; readonly code: ReasonCode; readonly message: string }
);

/** How the preparation of a host goes on, for whoever watches. */
export interface PreparationReport {
  readonly host: string;
  readonly step: 'dns' | 'route' | 'self-check';
  readonly state: 'waiting' | 'running' | 'done' | 'failed' | 'unknown';
  /** Why, for a person. */
  readonly detail?: string | undefined;
}
