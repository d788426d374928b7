/** Below it, hence the final slash, a CA asks for the answer to an HTTP-01 challenge (RFC 8555, section 8.3). */
export const challengePath = '/.well-known/acme-challenge/';
