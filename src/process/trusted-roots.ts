import { X509Certificate } from 'node:crypto';
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';

let last: { readonly bundle: string; readonly context: SecureContext } | undefined;

/**
 * Node's roots (with NODE_EXTRA_CA_CERTS) and those of `LEGO_CA_BUNDLE`. Parsed once for all connections: all of them cost some 25 ms of
 * CPU, and a process has one bundle.
 * @throws Error if the bundle has no certificate or an unreadable one
 */
export function trustContext(bundle: string): SecureContext {
  if (last?.bundle !== bundle) last = { bundle, context: contextOf(bundle) };
  return last.context;
}

function contextOf(bundle: string): SecureContext {
  const added = bundle.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
  if (added.length === 0)
    throw new Error('The CA bundle has no certificate; LEGO_CA_BUNDLE must name a file of PEM certificates.');
  for (const pem of added) {
    try {
      void new X509Certificate(pem);
    } catch (error) {
      throw new Error('The CA bundle has an unreadable certificate; see LEGO_CA_BUNDLE.', {
        cause: error,
      });
    }
  }
  return createSecureContext({ ca: [...getCACertificates('default'), ...added] });
}
