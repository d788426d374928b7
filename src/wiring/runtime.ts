import type { Logger } from 'pino';
import type { Config } from '../config/config.ts';
import type { Source } from '../sources/source.ts';
import type { SteadyClock } from '../time/steady-clock.ts';

/** The options common to all rooms. */
export interface Runtime {
  readonly config: Config;
  readonly clock: SteadyClock;
  readonly log: Logger;
  /** Sources of certificate requests, each with its own kind. */
  readonly sources: readonly Source[];
  /** Ends all background work. */
  readonly signal: AbortSignal;
  /** `User-Agent` of all requests. */
  readonly userAgent: string;
}
