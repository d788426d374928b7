/**
 * Keeps what is thrown from getting out, for work whose caller must not fail with it: a timer, where it would end the process, or an
 * observer, which XState calls in the middle of a transition.
 *
 * @param onError told once, of the first thing thrown
 */
export function guarded<Arguments extends readonly unknown[]>(
  run: (...args: Arguments) => void,
  onError: (error: unknown) => void,
): (...args: Arguments) => void {
  let told = false;
  return (...args) => {
    try {
      run(...args);
    } catch (error) {
      if (told) return;
      told = true;
      onError(error);
    }
  };
}
