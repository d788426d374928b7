// What an object of a challenge says to the responders: which hosts are validated, and for which account key.

import { normalizeHost } from '../../../machines/hosts/host-names.ts';

/**
 * The hosts that are validated, separated by commas. The rules do not tell them: a rule is spelt as the site's own that serves the
 * host, which may be a wildcard's, or one without host.
 */
export const hostsAnnotation = 'kube-lego.io/challenge-hosts';

/**
 * RFC 7638 thumbprint of the account key, which is no secret. With the hosts it is all that the responder of any replica needs, and
 * both change in one write.
 */
export const thumbprintAnnotation = 'kube-lego.io/challenge-thumbprint';

/** A SHA-256 hash in base64url. */
const thumbprintForm = /^[A-Za-z0-9_-]{43}$/;

/** Hosts of one object: with 253 characters each, half of what the API server allows for all annotations. */
export const mostHosts = 500;

export function validatedAnnotations(
  hosts: Iterable<string>,
  thumbprint: string | undefined,
): Readonly<Record<string, string>> {
  return {
    [hostsAnnotation]: [...hosts].toSorted().join(','),
    ...(thumbprint === undefined ? {} : { [thumbprintAnnotation]: thumbprint }),
  };
}

/** @returns undefined without the annotation */
export function listedHosts(annotations: Readonly<Record<string, string>>): string[] | undefined {
  return annotations[hostsAnnotation]?.split(',', mostHosts).map(normalizeHost).filter(isSpecific);
}

/** Undefined if there is none that could be one. */
export function listedThumbprint(annotations: Readonly<Record<string, string>>): string | undefined {
  return thumbprintForm.exec(annotations[thumbprintAnnotation] ?? '')?.[0];
}

/** A host, neither a wildcard nor none. */
export function isSpecific(text: string): boolean {
  return text !== '' && !text.includes('*');
}
