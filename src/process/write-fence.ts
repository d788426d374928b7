import type { Dispatcher } from 'undici';

/**
 * A pool that sends requests other than GET and HEAD only while they may be sent: asked when a request leaves the queue for its
 * connection, for each attempt anew. One that may not is failed, and its connection stays.
 * @param refusal what such a request fails with, by the message
 */
export function fenced(
  pool: Dispatcher,
  mayWrite: () => boolean,
  refusal: (message: string) => Error,
): Dispatcher {
  return pool.compose((dispatch) => (options, handler) => {
    if (options.method === 'GET' || options.method === 'HEAD') return dispatch(options, handler);
    const subject = `${options.method} ${options.path.split('?')[0]}`;
    return dispatch(options, {
      onRequestStart(controller, context) {
        if (!mayWrite()) throw refusal(`${subject}: not sent, because this process does not lead`);
        handler.onRequestStart?.(controller, context);
      },
      onResponseStart: (...start) => handler.onResponseStart?.(...start),
      onResponseData: (...data) => handler.onResponseData?.(...data),
      onResponseEnd: (...end) => handler.onResponseEnd?.(...end),
      onResponseError: (...failure) => handler.onResponseError?.(...failure),
    });
  });
}
