import { createPrivateKey, type KeyObject, type X509Certificate } from 'node:crypto';
import type { CertificateFacts } from '../../machines/assessment/secret-facts.ts';
import { isKeyType, type KeyType } from '../../machines/ownership/desired-certificate.ts';
import { oneLine } from '../../machines/reasons/foreign-text.ts';
import { certificateId } from './certificate-id.ts';
import { fingerprintOf } from './fingerprint.ts';
import { dnsNamesOf, parseCertificate, pemBlocks } from './pem.ts';

/**
 * Parses the key pair of a Secret: `tls.crt` with the certificate first, then its chain; `tls.key` in any PEM form of an
 * unencrypted private key (PKCS#8; PKCS#1 as the old kube-lego wrote it; SEC1). Costs about 0.2 ms. Never throws, and its
 * messages contain nothing of the contents.
 */
export function readCertificate(chainPem: Buffer | undefined, keyPem: Buffer | undefined): CertificateFacts {
  const chainText = textOf(chainPem);
  const keyText = textOf(keyPem);
  if (chainText === '' && keyText === '') return { kind: 'empty' };
  if (chainText === '') return unreadable('tls.crt is empty');
  if (keyText === '') return unreadable('tls.key is empty');

  const chain = readChain(chainText);
  if (typeof chain === 'string') return unreadable(chain);
  const key = readKey(keyText);
  if (typeof key === 'string') return unreadable(key);

  const [leaf] = chain;
  const notBefore = leaf.validFromDate.getTime();
  const notAfter = leaf.validToDate.getTime();
  if (Number.isNaN(notBefore) || Number.isNaN(notAfter)) {
    return unreadable('the certificate in tls.crt has no readable dates');
  }
  return {
    kind: 'readable',
    notBefore,
    notAfter,
    dnsNames: dnsNamesOf(leaf),
    keyMatches: leaf.checkPrivateKey(key),
    keyType: keyTypeOf(key),
    issuer: oneLine(leaf.issuer.replaceAll('\n', ', '), longestIssuer),
    id: certificateId(leaf),
    fingerprint: fingerprintOf(leaf),
  };
}

function textOf(pem: Buffer | undefined): string {
  return pem?.toString('latin1').trim() ?? '';
}

function unreadable(detail: string): CertificateFacts {
  return { kind: 'unreadable', detail };
}

/** Certificates that are read of a chain; real ones have two to four. */
const longestChain = 16;
/** Characters: an RSA key of 16,384 bits. */
const longestKey = 16 * 1024;
const longestIssuer = 500;

/** At least the leaf, or the reason. Blocks with other labels are ignored, as by TLS servers. */
function readChain(text: string): [X509Certificate, ...X509Certificate[]] | string {
  const chain: X509Certificate[] = [];
  for (const block of pemBlocks(text)) {
    if (block.label !== 'CERTIFICATE') continue;
    const certificate = parseCertificate(block);
    if (certificate === undefined) return `certificate ${chain.length + 1} in tls.crt cannot be parsed`;
    chain.push(certificate);
    if (chain.length === longestChain) break;
  }
  const [leaf, ...rest] = chain;
  return leaf === undefined ? 'tls.crt holds no certificate in PEM form' : [leaf, ...rest];
}

function readKey(text: string): KeyObject | string {
  const block = pemBlocks(text)
    .filter(({ label }) => label.endsWith('PRIVATE KEY'))
    .next().value;
  if (block === undefined) return 'tls.key holds no private key in PEM form';
  const encrypted = block.label.startsWith('ENCRYPTED') || block.text.includes('Proc-Type: 4,ENCRYPTED');
  if (encrypted) return 'the private key in tls.key is encrypted';
  if (block.text.length > longestKey) return 'the private key in tls.key is too long';
  try {
    return createPrivateKey(block.text);
  } catch {
    return 'the private key in tls.key cannot be parsed';
  }
}

function keyTypeOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): KeyType | undefined {
  if (asymmetricKeyType === 'ec') {
    return asymmetricKeyDetails?.namedCurve === 'prime256v1' ? 'ec-p256' : undefined;
  }
  const name = `${asymmetricKeyType}-${asymmetricKeyDetails?.modulusLength}`;
  return isKeyType(name) ? name : undefined;
}
