// The settings, one file for each group of `--help`. Read by config.ts, and by the docs and the chart that are generated from them.

import type { Parser } from '../values.ts';

/** One setting. The flag's name is the variable's: `LEGO_CHECK_INTERVAL` is `--check-interval`. */
export interface Option<T> {
  readonly variable: `LEGO_${string}`;
  /** Placeholder of the value in `--help`. */
  readonly placeholder: string;
  /** Full sentences. */
  readonly description: string;
  /** The default, in the form of an option. */
  readonly fallback?: string;
  /** Never shown, and has no flag, because command lines are visible to everybody on a machine. */
  readonly secret?: boolean;
  readonly parse: Parser<T>;
}
