/**
 * Catches what the work throws, for callers that must not fail: a timer, where it would end the process, or an observer, which
 * XState calls in the middle of a transition.
 *
 * @param onError called once, with the first error
 */
export function guarded<Arguments extends readonly unknown[]>(
  run: (...args: Arguments) => void,
  onError: (error: unknown) => void,
): (...args: Arguments) => void {
  let reported = false;
  return (...args) => {
    try {
      run(...args);
    } catch (error) {
      if (reported) return;
      reported = true;
      onError(error);
    }
  };
}
