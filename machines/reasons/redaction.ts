/** Replaces a link that lifts a pause: it is a capability, its bearer can act for the account. */
export const linkForOwner = '(a link for the owner of the Ingress)';

/** Removes tokens, key authorizations and capability links from a text of the CA. */
export function redact(text: string): string {
  return text
    .replaceAll(/https?:\/\/\S*[?&]jwt=\S*/g, linkForOwner)
    .replaceAll(/(?<=\/acme-challenge\/)[\w-]+/g, '…')
    .replaceAll(/(?<![\w-])[\w-]{16,}\.[\w-]{43}(?![\w-])/g, '(the key authorization)');
}
