import type { Logger } from 'pino';
import type { Config } from '../config/config.ts';
import type { Source } from '../sources/source.ts';
import type { Clock } from '../time/clock.ts';

/** What every part of the process is given. */
export interface Runtime {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Logger;
  /** Who may ask for certificates, each of a kind of its own. */
  readonly sources: readonly Source[];
  /** Ends all that goes on in the background. */
  readonly signal: AbortSignal;
  /** How we name ourselves to servers. */
  readonly userAgent: string;
}
