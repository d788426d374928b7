/*
 * The seam of the challenge solvers. A round's steps call `expect` and `prepare` before the order, `present` for each challenge of the
 * order, and `cleanUp` when the CA has proven all hosts, and at the end in any case. HTTP-01 (http-01/) and DNS-01 (dns-01/) are
 * the implementations.
 */
import type { HostRoute } from '../../machines/ownership/desired-certificate.ts';
import type { ReasonCode } from '../../machines/reasons/reasons.ts';
import type { OfferedChallenge } from '../acme/order/authorization.ts';

export interface ChallengeSolver {
  /** Type of its challenges, such as `http-01` (RFC 8555 section 8). */
  readonly type: string;
  /** Set if it takes a while until what it presents can be seen everywhere. */
  readonly spreads?: true;
  /**
   * These hosts of a round will be prepared when this is done, unless it fails: what changes for many rounds can be changed once. Absent if
   * each round is prepared by itself.
   */
  expect?(hosts: readonly HostRoute[], proofs: Promise<unknown>): void;
  /**
   * Prepares and checks hosts before the order: a host that cannot be proven then causes no request to the CA.
   *
   * @returns the verdicts of the checked hosts
   * @throws StepError if none of them can be proven, KubernetesError, or the signal's reason
   */
  prepare(preparation: Preparation, signal: AbortSignal): Promise<readonly HostVerdict[]>;
  /**
   * Looks again at hosts of which `prepare` has said that they are not provable, at less cost and without changing anything; absent
   * if only `prepare` can tell.
   *
   * @returns the verdicts if none of them can be provable yet; undefined if only `prepare` can tell
   * @throws the signal's reason
   */
  recheck?(hosts: readonly string[], signal: AbortSignal): Promise<readonly HostVerdict[] | undefined>;
  /**
   * Whether one of these hosts can be found now, and could not at its last check; absent if this solver does not look for hosts.
   *
   * @throws the signal's reason
   */
  haveAppeared?(hosts: readonly string[], signal: AbortSignal): Promise<boolean>;
  /**
   * Presents the response to the challenge. Resolves when it is visible: then the challenge is answered.
   *
   * @throws StepError, or the signal's reason
   */
  present(round: string, challenge: OfferedChallenge, signal: AbortSignal): Promise<void>;
  /** Removes the resources of this round in the background; idempotent. */
  cleanUp(round: string): void;
  /** Whether the host has answered a check before; stored with its certificate for the next process. */
  canJudge(host: string): boolean;
}

export interface Preparation {
  readonly round: string;
  /** Of the certificate. */
  readonly namespace: string;
  readonly hosts: readonly HostRoute[];
  /** RFC 7638 thumbprint of the account key, base64url, part of every key authorization. */
  readonly thumbprint: string;
  /** False if the owner has switched the self-check off. */
  readonly selfCheck: boolean;
  /** Hosts that have answered a check of an earlier process. */
  readonly judged: readonly string[];
  /** Hosts that were not provable the last time: they are asked less often. */
  readonly unready: readonly string[];
}

/** Whether the CA's validation would succeed. Messages are sentences. */
export type HostVerdict = { readonly host: string } & (
  | {
      readonly kind: 'provable';
      /** A defect that does not prevent the validation. */
      readonly notice?: string | undefined;
    }
  /** Not decidable from inside the cluster: the CA is asked. */
  | { readonly kind: 'unknown'; readonly message: string }
  | {
      readonly kind: 'not-provable';
      readonly code: ReasonCode;
      readonly message: string;
      /** Instead of that of the code; a sentence. */
      readonly remedy?: string | undefined;
    }
);

/** Progress of a host's preparation, for observers. */
export interface PreparationReport {
  readonly host: string;
  readonly step: 'dns' | 'route' | 'self-check' | 'record';
  readonly state: 'waiting' | 'running' | 'done' | 'failed' | 'unknown';
  /** The reason, as text. */
  readonly detail?: string | undefined;
}
