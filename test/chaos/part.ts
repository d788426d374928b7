import process from 'node:process';

/** A part of `npm run test:chaos`: a file of its own, listed in chaos.ts. */
export interface ChaosPart {
  /** What `npm run test:chaos -- PART --help` prints. */
  readonly help: string;
  /**
   * @param args what follows the part's name on the command line
   * @param write to standard output
   * @returns whether everything held
   * @throws UsageError for options that it does not take
   */
  run(args: readonly string[], write: (text: string) => void): Promise<boolean>;
}

/** A seed that nobody has chosen: printed, so that what it found can be repeated. */
export function freshSeed(): number {
  return Math.floor(Math.random() * 1_000_000_000);
}

/** One rewritten line on a terminal, elsewhere a line each. */
export function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001B[K${text}`);
  else if (text !== '') process.stderr.write(`${new Date().toISOString()}  ${text}\n`);
}
