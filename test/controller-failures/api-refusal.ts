import type { Answer } from './faulty-proxy.ts';

/** What an API server answers that refuses a request. @param retryAfter seconds */
export function refusal(status: number, reason: string, message: string, retryAfter?: number): Answer {
  return {
    status,
    headers: {
      'content-type': 'application/json',
      ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
    },
    body: JSON.stringify({
      kind: 'Status',
      apiVersion: 'v1',
      status: 'Failure',
      reason,
      message,
      code: status,
    }),
  };
}
