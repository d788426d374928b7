import process from 'node:process';

/**
 * What the command line of an npm script says. A mistake in it is told in a line, without a stack, and ends the process with exit code 2.
 *
 * @param script such as `demo`
 * @param read throws an Error that says what is wrong
 */
export function scriptOptions<T>(script: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    process.stderr.write(`${words}\nSee npm run ${script} -- --help.\n`);
    process.exit(2);
  }
}
