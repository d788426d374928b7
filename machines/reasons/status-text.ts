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

/** A failure as the status annotation has it: the message is that of `statusMessage`. */
export type RecordedFailure = Pick<Failure, 'code' | 'message'> & { readonly namesRemedy: true };

/** The same for one that was recorded, and for text of somebody else in its place. */
export function recordedFailure(failure: Failure): RecordedFailure {
  return { code: failure.code, message: statusMessage(failure), namesRemedy: true };
}

/** What of a message stays the same as long as its reason does: which of a host's addresses has answered does not. */
export function lastingText(message: string): string {
  return message.replaceAll(/(?<= from )[\da-f.:]+(?=[ :,])/g, '');
}

/** By which a failure is known again. */
export function lastingMessage(failure: Failure): string {
  return lastingText(statusMessage(failure));
}

/** The value of `kube-lego.io/retry` as recorded in the status annotation: truncated. */
export function retryMark(retry: string): string {
  return presentable(retry, longestRetry);
}
