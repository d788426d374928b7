import type { Clock } from '../time/clock.ts';
import type { Program } from './command-help.ts';

/** The surroundings of a command. */
export interface CommandOptions {
  readonly program: Program;
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
  /** Ends a running command. */
  readonly signal: AbortSignal;
  readonly print: (text: string) => void;
  readonly complain: (text: string) => void;
  /** Asks at the terminal; undefined where there is none. */
  readonly ask?: ((question: string) => Promise<string>) | undefined;
}
