import { request } from 'node:https';
import { TLSSocket } from 'node:tls';

export interface HttpsVisit {
  readonly host: string;
  readonly status: number | undefined;
  /** Issuer and end of the certificate; undefined if it does not verify. */
  readonly certificate: { readonly issuer: string; readonly validTo: string } | undefined;
  /** Why it failed, if it did. */
  readonly error: string | undefined;
}

const timeLimit = 60_000; // milliseconds

/**
 * Fetches `https://HOST/` from a server on this machine, as a browser would: by SNI, the chain verified.
 * @param ca PEM of the roots to trust
 * @param address of the server
 */
export async function visit(
  host: string,
  port: number,
  ca: readonly string[],
  address = '127.0.0.1',
): Promise<HttpsVisit> {
  return new Promise((resolve) => {
    const failed = (error: string): void => {
      resolve({ host, status: undefined, certificate: undefined, error });
    };
    const visiting = request(
      {
        host: address,
        port,
        servername: host,
        headers: { host },
        ca: [...ca],
        agent: false,
        timeout: timeLimit,
      },
      (answer) => {
        answer.resume();
        if (!(answer.socket instanceof TLSSocket)) throw new TypeError('an https answer came without TLS');
        const { issuer, valid_to: validTo } = answer.socket.getPeerCertificate();
        answer.on('end', () => {
          const certificate = { issuer: String(issuer.CN), validTo };
          resolve({ host, status: answer.statusCode, certificate, error: undefined });
        });
      },
    );
    visiting.on('timeout', () => visiting.destroy(new Error(`no answer within ${timeLimit / 1000} s`)));
    visiting.on('error', (error) => {
      // Node appends advice after the reason.
      failed(error.message.split(';')[0] ?? '');
    });
    visiting.end();
  });
}
