import { describeFailure, type Failure } from './reasons.ts';
import { redact } from './redaction.ts';

const longestMessage = 400;
/** A text with a remedy in it, so that ours with its remedy is the same when it is taken up again. */
const longestWithRemedy = 2 * longestMessage;
const longestRetry = 64;

/** The failure as it stands in the annotation: without control characters, and of bounded length. */
export function statusMessage(failure: Failure): string {
  const longest = failure.namesRemedy === true ? longestWithRemedy : longestMessage;
  const own = clean(failure.message.slice(0, 4 * longest));
  const cut = own.length > longest ? `${own.slice(0, longest).toWellFormed()}…` : own;
  return describeFailure({ ...failure, message: cut });
}

/** The value of `kube-lego.io/retry` as far as it is kept. */
export function retryMark(retry: string): string {
  return clean(retry).slice(0, longestRetry).toWellFormed();
}

/** On one line, and nothing in it that only its owner may know. */
function clean(text: string): string {
  return redact(text.replaceAll(/[\s\p{Cc}]+/gu, ' ')).trim();
}
