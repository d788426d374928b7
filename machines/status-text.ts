import { describeFailure, type Failure } from './reasons.ts';

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

/** On one line, without the tokens, key authorizations and capability links that a CA may quote. */
function clean(text: string): string {
  return text
    .replaceAll(/[\s\p{Cc}]+/gu, ' ')
    .replaceAll(/(?<=\/acme-challenge\/)[\w-]+/g, '…')
    .replaceAll(/(?<![\w-])[\w-]{20,}\.[\w-]{43}(?![\w-])/g, '…')
    .replaceAll(/https?:\/\/\S*[?&]jwt=\S*/g, '(a link for the owner of the Ingress)')
    .trim();
}
