// Loads what needs acme-client. Called by the signed requests.

import { Turns } from '../../time/turns.ts';
import type * as signedExchange from './signed-exchange.ts';

let isPartLoaded = false;

/**
 * With the first signed request: it loads axios and @peculiar/x509, too, and a process whose certificates are all valid signs none. In two
 * turns of the event loop, as either of these takes some 60 ms.
 */
export async function loadSignedExchange(): Promise<typeof signedExchange> {
  if (!isPartLoaded) {
    await import('acme-client/src/crypto/index.js');
    await new Turns().next();
    isPartLoaded = true;
  }
  return import('./signed-exchange.ts');
}
