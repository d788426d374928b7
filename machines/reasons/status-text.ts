import { presentable } from './foreign-text.ts';
import { describeFailure, type Failure } from './reasons.ts';

const longestMessage = 400;
/** For messages that include a remedy: our own, with the remedy added, must stay the same when restored from the annotation. */
const longestWithRemedy = 2 * longestMessage;
const longestRetry = 64;

const longestShown = 2000;

/** The message with its remedy for a viewer. */
export function shownFailure(failure: Failure): string {
  return presentable(describeFailure(failure), longestShown);
}

/** The message for the status annotation: on one line of bounded length. */
export function statusMessage(failure: Failure): string {
  const longest = failure.namesRemedy === true ? longestWithRemedy : longestMessage;
  return describeFailure({ ...failure, message: presentable(failure.message, longest) });
}

/** The value of `kube-lego.io/retry` as recorded in the status annotation: truncated. */
export function retryMark(retry: string): string {
  return presentable(retry, longestRetry);
}
