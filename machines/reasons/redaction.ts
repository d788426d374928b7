/** Replaces a link that lifts a pause: it is a capability, its bearer can act for the account. */
export const linkForOwner = '(a link for the owner of the Ingress or Gateway)';

/**
 * Removes keys, tokens, key authorizations, capability links and encoded data from a text. Every pattern is linear in the text: none can
 * begin within what it has just passed over.
 */
export function redact(text: string): string {
  return (
    text
      // To the end of the text if the end of the key is cut off.
      .replaceAll(
        /-----BEGIN [A-Z0-9 ]{0,64}PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]{0,64}PRIVATE KEY-----|$)/gs,
        '(a private key)',
      )
      .replaceAll(/https?:\/\/\S+/g, (url) => (/[?&]jwt=/.test(url) ? linkForOwner : url))
      .replaceAll(/(?<=\/acme-challenge\/)[\w-]+/g, '…')
      .replaceAll(/(?<![\w-])[\w-]{16,}\.[\w-]{43}(?![\w-])/g, '(the key authorization)')
      .replaceAll(/(?<=\bBearer )[\w.~+/-]{8,}=*/g, '(a token)')
      .replaceAll(/(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g, '(a token)')
      // Too long for a label of a host name (RFC 1035, section 2.3.4: 63 octets): maybe a key.
      .replaceAll(/[A-Za-z0-9+/=]{100,}/g, '(encoded data)')
  );
}
