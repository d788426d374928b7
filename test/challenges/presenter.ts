import type { Presenter } from '../../src/acme/order/authorization.ts';

/** Somebody else answers the HTTP-01 challenges of every host. */
export function presenterOf(): Presenter {
  return { type: 'http-01', present: () => Promise.resolve() };
}
