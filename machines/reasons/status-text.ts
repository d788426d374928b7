import { describeFailure, type Failure } from './reasons.ts';
import { redact } from './redaction.ts';

const longestMessage = 400;
/** For messages that include a remedy: our own, with the remedy added, must stay the same when restored from the annotation. */
const longestWithRemedy = 2 * longestMessage;
const longestRetry = 64;

/** The message for the status annotation: redacted, without control characters, of bounded length. */
export function statusMessage(failure: Failure): string {
  const longest = failure.namesRemedy === true ? longestWithRemedy : longestMessage;
  const own = clean(failure.message.slice(0, 4 * longest));
  const cut = own.length > longest ? `${own.slice(0, longest).toWellFormed()}…` : own;
  return describeFailure({ ...failure, message: cut });
}

/** The value of `kube-lego.io/retry` as recorded in the status annotation: truncated. */
export function retryMark(retry: string): string {
  return clean(retry).slice(0, longestRetry).toWellFormed();
}

/** One line, redacted. */
function clean(text: string): string {
  return redact(text.replaceAll(/[\s\p{Cc}]+/gu, ' ')).trim();
}
