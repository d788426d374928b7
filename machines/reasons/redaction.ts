/** What stands in place of a link that lifts a pause: whoever has it can act for the account. */
export const linkForOwner = '(a link for the owner of the Ingress)';

/** A text of the CA's without the tokens, key authorizations and capability links that it may quote. */
export function redact(text: string): string {
  return text
    .replaceAll(/https?:\/\/\S*[?&]jwt=\S*/g, linkForOwner)
    .replaceAll(/(?<=\/acme-challenge\/)[\w-]+/g, '…')
    .replaceAll(/(?<![\w-])[\w-]{16,}\.[\w-]{43}(?![\w-])/g, '(the key authorization)');
}
