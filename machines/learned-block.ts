import type { LimitName } from './limits.ts';

/** What a refusal of the CA is about, and nothing wider. */
export type BlockScope =
  | { readonly type: 'account' }
  | { readonly type: 'registered-domain'; readonly name: string }
  | { readonly type: 'identifier'; readonly names: readonly string[] }
  /** Exactly these identifiers; also what is assumed of a refusal whose words are not known. */
  | { readonly type: 'order'; readonly identifiers: readonly string[] };

/** What an answer 429 says. */
export interface LearnedBlock {
  /** `paused`: until a person lifts it, or a daily look finds it lifted. */
  readonly cause: LimitName | 'blocked' | 'paused';
  readonly scope: BlockScope;
  /** Milliseconds from the answer on; undefined if the CA does not say. */
  readonly retryAfter: number | undefined;
}
