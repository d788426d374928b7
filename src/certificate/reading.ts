import type { KeyObject, X509Certificate } from 'node:crypto';
import type { CertificateFacts } from '../../machines/assessment/secret-facts.ts';
import { isKeyType, type KeyType } from '../../machines/ownership/desired-certificate.ts';
import { oneLine } from '../../machines/reasons/foreign-text.ts';
import { certificateId } from './certificate-id.ts';
import { hasIssuer } from './certification-path.ts';
import { fingerprintOf } from './fingerprint.ts';
import { parsePrivateKey } from './key.ts';
import { loadWithGo } from './loading/go.ts';
import type { Loading, LoadingRefusal } from './loading/loading.ts';
import { isWeaklySigned, loadWithOpenssl } from './loading/openssl.ts';
import { isOrdinary } from './loading/ordinary.ts';
import { certificateOf, dnsNamesOf, issuerOf, longestChain, parseCertificate, pemBlocks } from './pem.ts';
import { validityOf } from './validity.ts';

/**
 * Reads the key pair of a Secret as the servers do that serve it, with OpenSSL and with Go: `tls.crt` with the certificate first, then
 * its chain; `tls.key` with an unencrypted private key. Costs about 0.2 ms. Never throws, and its messages contain nothing of the
 * contents.
 */
export function readCertificate(
  chain: Buffer = Buffer.alloc(0),
  key: Buffer = Buffer.alloc(0),
): CertificateFacts {
  const isChainEmpty = isBlank(chain);
  const isKeyEmpty = isBlank(key);
  if (isChainEmpty && isKeyEmpty) return { kind: 'empty' };
  if (isChainEmpty) return unreadable('tls.crt is empty');
  if (isKeyEmpty) return unreadable('tls.key is empty');
  if (chain.length > longestChain) return unreadable('tls.crt is too long');
  if (key.length > longestKey) return unreadable('tls.key is too long');
  try {
    return readPair(chain, key);
  } catch {
    // Node throws for some certificates that it has parsed, such as at a date that it cannot print.
    return unreadable('tls.crt or tls.key cannot be read');
  }
}

function isBlank(pem: Buffer): boolean {
  return pem.every((octet) => octet <= 0x20);
}

function unreadable(detail: string): CertificateFacts {
  return { kind: 'unreadable', detail };
}

/** Octets: an RSA key of 16,384 bits, with a chain beside it. */
const longestKey = 32 * 1024;
const longestIssuer = 500;

function readPair(chainPem: Buffer, keyPem: Buffer): CertificateFacts {
  const chainText = chainPem.toString('latin1');
  const keyText = keyPem.toString('latin1');
  const chain = readChain(chainText);
  // The text: of a Buffer Node asks first whether it is a key, which costs half as much again.
  const key = parsePrivateKey(keyText);
  const openssl = isOrdinary({ chainText, keyText }, chain, key)
    ? { leaf: chain[0]?.raw }
    : askOpenssl(chainPem, keyPem, chain);
  const go = loadWithGo(chainText, keyText);
  const leafDer = openssl.leaf ?? go.leaf;
  const leaf = leafDer && (chain.find(({ raw }) => raw.equals(leafDer)) ?? certificateOf(leafDer));
  if (leaf === undefined) return unreadable(whyNotLoaded(chainText, keyText, openssl, go));
  const isOwnKey = openssl.leaf !== undefined && key !== undefined && leaf.checkPrivateKey(key);
  const keyMatches = isOwnKey || openssl.leaf === undefined || key === undefined;
  if (keyMatches && openssl.refusal !== undefined && go.refusal !== undefined) {
    return unreadable(whyNotLoaded(chainText, keyText, openssl, go));
  }
  const isDisputed = openssl.leaf !== undefined && go.leaf !== undefined && !openssl.leaf.equals(go.leaf);
  if (keyMatches && isDisputed) {
    return unreadable('servers with OpenSSL and in Go take different certificates in tls.crt for the first');
  }
  const validity = validityOf(leaf);
  if (validity === undefined) return unreadable('the certificate in tls.crt has no readable dates');
  const place = keyMatches ? 0 : chain.findIndex((one) => key !== undefined && one.checkPrivateKey(key));
  const refused = keyMatches ? refusedBy(openssl, go) : undefined;
  return {
    kind: 'readable',
    ...validity,
    dnsNames: dnsNamesOf(leaf),
    keyMatches,
    ...(place > 0 ? { place: place + 1 } : {}),
    ...(refused === undefined ? {} : { refused }),
    ...(hasIssuer(leaf, chain) ? {} : { issuerMissing: true }),
    keyType: key && keyTypeOf(isOwnKey ? leaf.publicKey : key),
    issuer: oneLine(issuerOf(leaf).replaceAll('\n', ', '), longestIssuer),
    id: certificateId(leaf),
    fingerprint: fingerprintOf(leaf),
  };
}

function askOpenssl(chainPem: Buffer, keyPem: Buffer, chain: readonly X509Certificate[]): Loading {
  const loaded = loadWithOpenssl(chainPem, keyPem);
  return loaded.refusal === undefined && chain.some(isWeaklySigned) ? { ...loaded, refusal: weak } : loaded;
}

const weak: LoadingRefusal = { part: 'tls.crt', detail: 'ca md too weak' };

/** Servers with OpenSSL have read all of them; for the others, those that cannot be parsed are no issuers. */
function readChain(text: string): X509Certificate[] {
  return [...pemBlocks(text)].flatMap((block) => parseCertificate(block) ?? []);
}

function refusedBy(openssl: Loading, go: Loading): string | undefined {
  if (openssl.refusal !== undefined)
    return `servers with OpenSSL (nginx, HAProxy) cannot load ${words(openssl.refusal)}`;
  return go.refusal && `servers written in Go (Traefik, Caddy) cannot load ${words(go.refusal)}`;
}

function words({ part, detail }: LoadingRefusal): string {
  return `${part}: ${detail}`;
}

/** If neither loads it. */
function whyNotLoaded(chainText: string, keyText: string, openssl: Loading, go: Loading): string {
  if (!/-----BEGIN .*CERTIFICATE-----/.test(chainText)) return 'tls.crt holds no certificate in PEM form';
  const isAboutKey = openssl.refusal?.part === 'tls.key' && go.refusal?.part === 'tls.key';
  if (isAboutKey && !/-----BEGIN .*PRIVATE KEY-----/.test(keyText)) {
    return 'tls.key holds no private key in PEM form';
  }
  if (isAboutKey && keyText.includes('ENCRYPTED')) return 'the private key in tls.key is encrypted';
  const part = isAboutKey ? 'tls.key' : 'tls.crt';
  return `no server can load ${part} (OpenSSL: ${openssl.refusal?.detail}; Go: ${go.refusal?.detail})`;
}

function keyTypeOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): KeyType | undefined {
  if (asymmetricKeyType === 'ec') {
    return asymmetricKeyDetails?.namedCurve === 'prime256v1' ? 'ec-p256' : undefined;
  }
  const name = `${asymmetricKeyType}-${asymmetricKeyDetails?.modulusLength}`;
  return isKeyType(name) ? name : undefined;
}
