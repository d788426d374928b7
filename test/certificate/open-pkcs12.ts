import { spawn } from 'node:child_process';
import { buffer, text } from 'node:stream/consumers';

export interface OpenedKeystore {
  /** PEM, in their order. */
  readonly certificates: readonly string[];
  readonly keyPem: string;
  /** What OpenSSL says of its parts. */
  readonly info: string;
}

/** Opens a PKCS #12 keystore with OpenSSL. @throws Error with the words of OpenSSL */
export async function openPkcs12(keystore: Buffer, password: string): Promise<OpenedKeystore> {
  const child = spawn('openssl', ['pkcs12', '-info', '-nodes', '-passin', 'env:PASSWORD'], {
    env: { ...process.env, PASSWORD: password },
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  child.stdin.end(keystore);
  const [out, errors, code] = await Promise.all([buffer(child.stdout), text(child.stderr), ended]);
  if (code !== 0) throw new Error(errors);
  const pem = out.toString();
  const [keyPem = ''] = /-----BEGIN PRIVATE KEY-----[^-]+-----END PRIVATE KEY-----/.exec(pem) ?? [];
  const certificates = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return { certificates, keyPem, info: errors + pem };
}
