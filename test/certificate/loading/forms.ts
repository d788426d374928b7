import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { commonName, der, derOf, extension, oid, sequence, toPem } from '../der-building.ts';
import { AnyCa, alternativeNames, type CertificateFields, host, validity } from './certificate-fields.ts';
import {
  ecKey,
  ecParameters,
  encrypted,
  fixedEd25519Key,
  otherKey,
  pkcs1,
  pkcs8,
  rsaKey,
  sec1,
  withExplicitParameters,
  withoutPublicKey,
  withWrongCoefficient,
  withWrongPublicKey,
} from './key-forms.ts';

/** What is said of a form: whether OpenSSL loads it, whether Go does, and kube-lego's verdict. */
export type Expected = readonly [openssl: boolean, go: boolean, verdict: string];

/** One form in which people have a key pair in a Secret. */
export interface Form {
  readonly name: string;
  readonly chain: string;
  readonly key: string;
  readonly expected: Expected;
}

const good: Expected = [true, true, 'good'];
const neither: Expected = [false, false, 'unreadable'];
const opensslOnly: Expected = [true, false, 'unreadable'];
const goOnly: Expected = [false, true, 'unreadable'];
const mismatch: Expected = [false, false, 'key-mismatch'];

/** When the forms are judged. */
export const judgedAt = Date.UTC(2026, 10, 1);

const root = new AnyCa('Example Root');
const ca = new AnyCa('Example CA', { parent: root });
const stranger = new AnyCa('Other CA');
const leaf = ca.pemOf(ecKey);
const chain = leaf + ca.pem;
const key = pkcs8(ecKey);

function pair(name: string, expected: Expected, given: Partial<Form>): Form {
  return { name, chain, key, ...given, expected };
}

function framing(name: string, expected: Expected, chainText: string): Form {
  return pair(name, expected, { chain: chainText });
}

function keyForm(name: string, expected: Expected, keyText: string, chainText = chain): Form {
  return pair(name, expected, { key: keyText, chain: chainText });
}

/** A key of another type, with its certificate. */
function keyType(name: string, expected: Expected, of: KeyObject): Form {
  return keyForm(name, expected, pkcs8(of), ca.pemOf(of) + ca.pem);
}

function certificate(name: string, expected: Expected, fields: CertificateFields): Form {
  return framing(name, expected, ca.pemOf(ecKey, fields) + ca.pem);
}

function extended(name: string, expected: Expected, ...more: readonly Buffer[]): Form {
  return certificate(name, expected, { extensions: [alternativeNames(host), ...more] });
}

function named(name: string, expected: Expected, text: string | Buffer, stringTag: number): Form {
  return certificate(name, expected, { subject: commonName(text, stringTag) });
}

function dated(name: string, expected: Expected, notBefore: string, notAfter: string): Form {
  return certificate(name, expected, { validity: validity(notBefore, notAfter) });
}

const lines = leaf.trimEnd().split('\n');
const base64 = lines.slice(1, -1).join('');
const flat = base64.replaceAll('=', '');

function rewrapped(content: string, label = 'CERTIFICATE'): string {
  return `-----BEGIN ${label}-----\n${content}\n-----END ${label}-----\n`;
}

const framings: readonly Form[] = [
  framing('as CAs send it', good, chain),
  framing('without the last line break', good, chain.trimEnd()),
  framing('with CRLF', good, chain.replaceAll('\n', '\r\n')),
  framing('with CR alone', neither, chain.replaceAll('\n', '\r')),
  framing('with a byte order mark', opensslOnly, `\u00EF\u00BB\u00BF${chain}`),
  framing('with a byte order mark, of one certificate', opensslOnly, `\u00EF\u00BB\u00BF${leaf}`),
  framing('with text before it', good, `Certificate:\n    Data:\n        Version: 3 (0x2)\n${chain}`),
  framing('with attributes, as openssl pkcs12 writes', good, `Bag Attributes\n    localKeyID: 01\n${chain}`),
  framing('with text between', good, `${leaf}\n# the intermediate\n\n${ca.pem}`),
  framing('with text after it', good, `${chain}the end\n`),
  framing('END and BEGIN on one line', neither, leaf.trimEnd() + ca.pem),
  framing('END and BEGIN with a blank between', neither, `${leaf.trimEnd()} ${ca.pem}`),
  framing(
    'a header inside',
    goOnly,
    `${[lines[0], 'Comment: x', '', ...lines.slice(1)].join('\n')}\n${ca.pem}`,
  ),
  framing('lower case labels', neither, chain.replaceAll('CERTIFICATE', 'certificate')),
  framing('X509 CERTIFICATE', opensslOnly, chain.replaceAll(' CERTIFICATE', ' X509 CERTIFICATE')),
  framing('TRUSTED CERTIFICATE', opensslOnly, rewrapped(base64, 'TRUSTED CERTIFICATE') + ca.pem),
  framing('PKCS7', neither, rewrapped(base64, 'PKCS7')),
  framing('another kind of block in front', good, `${ecParameters}${chain}`),
  framing('its key in front', good, key + chain),
  framing('an indented BEGIN', mismatch, ` ${chain}`),
  framing('indented lines', good, chain.replaceAll(/^(?=[A-Za-z0-9+/])/gm, '  ')),
  framing('blanks at the ends of lines', good, chain.replaceAll('\n', ' \t\n')),
  framing('a blank line inside', good, `${[lines[0], '', ...lines.slice(1)].join('\n')}\n${ca.pem}`),
  framing('one long line', good, rewrapped(base64) + ca.pem),
  framing('lines of 76', good, rewrapped(base64.match(/.{1,76}/g)?.join('\n') ?? '') + ca.pem),
  framing('lines of 300', good, rewrapped(base64.match(/.{1,300}/g)?.join('\n') ?? '') + ca.pem),
  framing('text after END on its line', neither, `${leaf.trimEnd()} x\n${ca.pem}`),
  framing('too much padding', neither, rewrapped(`${flat}====`) + ca.pem),
  framing('another digit', neither, rewrapped(`!${base64.slice(1)}`) + ca.pem),
  framing('digits of base64url', neither, rewrapped(`-_${base64.slice(2)}`) + ca.pem),
  framing('cut in the middle', neither, chain.slice(0, 300)),
  framing('base64 of base64', neither, rewrapped(Buffer.from(leaf).toString('base64')) + ca.pem),
  framing('base64 without markers', neither, base64),
  framing('DER', neither, derOf(leaf).toString('latin1')),
  framing('four dashes', neither, leaf.replaceAll('-----', '----')),
  framing('a NUL in front', neither, `\0${leaf}`),
  framing('an issuer that is cut', goOnly, leaf + ca.pem.slice(0, 300) + ca.pem.slice(-30)),
  framing('an issuer that is no certificate', goOnly, leaf + toPem('CERTIFICATE', Buffer.from('nonsense'))),
];

const keys: readonly Form[] = [
  keyForm('SEC1', good, sec1(ecKey)),
  keyForm('SEC1 with EC PARAMETERS in front', good, ecParameters + sec1(ecKey)),
  keyForm('SEC1 without public key', good, withoutPublicKey),
  keyForm('SEC1 with the public key of another', opensslOnly, withWrongPublicKey),
  keyForm('SEC1 called PRIVATE KEY', goOnly, toPem('PRIVATE KEY', derOf(sec1(ecKey)))),
  keyForm('PKCS#8 called EC PRIVATE KEY', good, toPem('EC PRIVATE KEY', derOf(key))),
  keyForm('PKCS#8 called RSA PRIVATE KEY', goOnly, toPem('RSA PRIVATE KEY', derOf(key))),
  keyForm('PKCS#8 called ANY PRIVATE KEY', goOnly, toPem('ANY PRIVATE KEY', derOf(key))),
  keyForm('PKCS#1', good, pkcs1(rsaKey), ca.pemOf(rsaKey) + ca.pem),
  keyForm(
    'PKCS#1 called PRIVATE KEY',
    goOnly,
    toPem('PRIVATE KEY', derOf(pkcs1(rsaKey))),
    ca.pemOf(rsaKey) + ca.pem,
  ),
  keyForm('a wrong coefficient', opensslOnly, withWrongCoefficient(), ca.pemOf(rsaKey) + ca.pem),
  keyForm('encrypted PKCS#8', neither, encrypted('pkcs8')),
  keyForm('encrypted SEC1', neither, encrypted('sec1')),
  keyForm('its chain in front', good, chain + key),
  keyForm('its chain after it', good, key + chain),
  keyForm('another key after it', good, key + pkcs8(otherKey)),
  keyForm('another key in front', mismatch, pkcs8(otherKey) + key),
  keyForm('another key', mismatch, pkcs8(otherKey)),
  keyForm('a key of another type', [true, false, 'key-mismatch'], pkcs8(rsaKey)),
  keyForm('no key', neither, chain),
  keyForm('a public key', neither, createPublicKey(ecKey).export({ type: 'spki', format: 'pem' }).toString()),
  keyForm('with CRLF', good, key.replaceAll('\n', '\r\n')),
  keyForm('with a byte order mark', opensslOnly, `\u00EF\u00BB\u00BF${key}`),
  keyForm('trailing data', good, toPem('PRIVATE KEY', Buffer.concat([derOf(key), Buffer.from([5, 0])]))),
  keyType('RSA-2048', good, rsaKey),
  keyType('RSA-1024', goOnly, generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey),
  keyType('RSA-512', goOnly, generateKeyPairSync('rsa', { modulusLength: 512 }).privateKey),
  keyType('RSA-PSS', opensslOnly, generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).privateKey),
  keyType('P-224', good, generateKeyPairSync('ec', { namedCurve: 'P-224' }).privateKey),
  keyType('P-384', good, generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey),
  keyType('P-521', good, generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey),
  keyType('secp256k1', opensslOnly, generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey),
  keyType('explicit parameters', opensslOnly, withExplicitParameters()),
  keyType('Ed25519', good, generateKeyPairSync('ed25519').privateKey),
  keyType('Ed448', opensslOnly, generateKeyPairSync('ed448').privateKey),
];

/** By a CA with an RSA key. */
function signed(name: string, expected: Expected, algorithm: string, digest: 'md5' | 'sha1'): Form {
  const by = new AnyCa('Example CA', { parent: root, key: rsaKey });
  const how = { algorithm: sequence(oid(algorithm), oid('0500')), digest };
  return framing(name, expected, by.pemOf(ecKey, how) + by.pem);
}

const serial = (hex: string): CertificateFields => ({ serial: der(0x02, Buffer.from(hex, 'hex')) });
const version = (number: number): Buffer => der(0xa0, der(0x02, Buffer.from([number])));
const unknown = '06042a030405';
const ecPoint = createPublicKey(ecKey).export({ type: 'spki', format: 'der' }).subarray(-64);
const ecAlgorithm = sequence(oid('06072a8648ce3d0201'), oid('06082a8648ce3d030107'));
const rsaBits = derOfRsaBits();

function derOfRsaBits(): Buffer {
  return der(0x03, Buffer.from([0]), createPublicKey(rsaKey).export({ type: 'pkcs1', format: 'der' }));
}

const fields: readonly Form[] = [
  certificate('a negative serial', opensslOnly, serial('ff11')),
  certificate('a serial of 0', good, serial('00')),
  certificate('a serial of 24 octets', good, serial('4a'.repeat(24))),
  certificate('a serial with a needless zero', neither, serial('0011')),
  certificate('version 1', [true, true, 'hosts-not-covered'], {
    version: Buffer.alloc(0),
    extensions: undefined,
  }),
  certificate('version 4', opensslOnly, { version: version(3) }),
  // By OpenSSL 3.5, which Node has; 3.0 refuses them.
  signed('MD5', [true, true, 'unreadable'], '06092a864886f70d010104', 'md5'),
  signed('SHA-1', [true, true, 'unreadable'], '06092a864886f70d010105', 'sha1'),
  certificate('two signature algorithms', opensslOnly, {
    outerAlgorithm: sequence(oid('06082a8648ce3d040303')),
  }),
  certificate('a compressed point', opensslOnly, {
    publicKey: sequence(
      ecAlgorithm,
      der(0x03, Buffer.from([0, 2 + ((ecPoint.at(-1) ?? 0) & 1)]), ecPoint.subarray(0, 32)),
    ),
  }),
  pair('an RSA key without NULL', opensslOnly, {
    key: pkcs8(rsaKey),
    chain:
      ca.pemOf(rsaKey, { publicKey: sequence(sequence(oid('06092a864886f70d010101')), rsaBits) }) + ca.pem,
  }),
  named('a subject that is not UTF-8', neither, Buffer.from([0xff, 0xfe]), 0x0c),
  named('an underscore in a PrintableString', opensslOnly, 'shop_1', 0x13),
  named('a wildcard in a PrintableString', good, '*.example.com', 0x13),
  named('a subject in Latin-1', good, Buffer.from([0xfc]), 0x14),
  named('a subject in UCS-2', good, Buffer.from([0, 0x61, 1, 0x53]), 0x1e),
  named('a subject in half of UCS-2', neither, Buffer.from([0, 0x61, 1]), 0x1e),
  named('a subject as UniversalString', opensslOnly, Buffer.from([0, 0, 0, 0x61]), 0x1c),
  certificate('an empty subject', good, { subject: sequence() }),
  certificate('an empty issuer', [true, true, 'issuer-missing'], { issuer: sequence() }),
  dated('expired', [true, true, 'expired'], '250101000000Z', '260101000000Z'),
  dated('begins in 2037', [true, true, 'not-yet-valid'], '370101000000Z', '380101000000Z'),
  dated('begins within a day', good, '261101120000Z', '280101000000Z'),
  dated('GeneralizedTime before 2050', good, '20260101000000Z', '20280101000000Z'),
  dated('no well-defined end (RFC 5280)', good, '260101000000Z', '99991231235959Z'),
  dated('a time without seconds', goOnly, '2601010000Z', '2801010000Z'),
  dated('a time with a zone', good, '260101000000+0100', '280101000000+0100'),
  dated('the 31st of June', opensslOnly, '260631000000Z', '280101000000Z'),
  certificate('a wildcard', good, { extensions: [alternativeNames('*.example.com')] }),
  certificate('another host', [true, true, 'hosts-not-covered'], {
    extensions: [alternativeNames('a.example')],
  }),
  certificate('a common name alone', [true, true, 'hosts-not-covered'], { extensions: undefined }),
  certificate('no name in subjectAltName', [true, true, 'hosts-not-covered'], {
    extensions: [alternativeNames()],
  }),
  certificate('an IP address beside it', good, {
    extensions: [alternativeNames(host, der(0x87, Buffer.from([192, 0, 2, 1])))],
  }),
  certificate('five octets of IP address', opensslOnly, {
    extensions: [alternativeNames(host, der(0x87, Buffer.from([192, 0, 2, 1, 1])))],
  }),
  certificate('an underscore in a host', good, { extensions: [alternativeNames(host, 'a_b.example.com')] }),
  certificate('a host in UTF-8', opensslOnly, { extensions: [alternativeNames(host, 'bücher.example')] }),
  certificate('a SPIFFE URI', good, {
    extensions: [alternativeNames(host, der(0x86, Buffer.from('spiffe://example/shop')))],
  }),
  certificate('a URI with an empty label', opensslOnly, {
    extensions: [alternativeNames(host, der(0x86, Buffer.from('https://a..example/')))],
  }),
  certificate('subjectAltName twice', opensslOnly, {
    extensions: [alternativeNames(host), alternativeNames(host)],
  }),
  extended('that of a CA', good, extension('0603551d13', sequence(der(0x01, Buffer.from([0xff]))), 0xff)),
  extended('a critical extension that nobody knows', good, extension(unknown, Buffer.from('x'), 0xff)),
  extended('a boolean of 1', opensslOnly, extension(unknown, Buffer.from('x'), 0x01)),
  extended('a critical authority key identifier', opensslOnly, extension('0603551d23', sequence(), 0xff)),
  extended('an authority key identifier that is none', opensslOnly, extension('0603551d23', oid('0500'))),
  extended(
    'one policy twice',
    opensslOnly,
    extension('0603551d20', sequence(sequence(oid('06022a03')), sequence(oid('06022a03')))),
  ),
  extended('key usage without bits', good, extension('0603551d0f', der(0x03, Buffer.from([0])))),
  extended(
    'an extended key usage for clients',
    good,
    extension('0603551d25', sequence(oid('06082b06010505070302'))),
  ),
  framing(
    'trailing data',
    neither,
    toPem('CERTIFICATE', Buffer.concat([derOf(leaf), Buffer.from([5, 0])])) + ca.pem,
  ),
  framing(
    'a length with a needless octet',
    opensslOnly,
    toPem('CERTIFICATE', withLongLength(derOf(leaf))) + ca.pem,
  ),
  framing(
    'an indefinite length',
    opensslOnly,
    toPem('CERTIFICATE', withIndefiniteLength(derOf(leaf))) + ca.pem,
  ),
];

/** The outer length, which has two octets, with three. */
function withLongLength(content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x30, 0x83, 0]), content.subarray(2)]);
}

function withIndefiniteLength(content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x30, 0x80]), content.subarray(4), Buffer.from([0, 0])]);
}

const withSha1 = new AnyCa('Another CA', { key: rsaKey }).pemOf(otherKey, {
  algorithm: sequence(oid('06092a864886f70d010105'), oid('0500')),
  digest: 'sha1',
});
const nameless: CertificateFields = { issuer: sequence(), subject: sequence() };

const chains: readonly Form[] = [
  framing('the leaf alone', [true, true, 'issuer-missing'], leaf),
  framing('the leaf last', mismatch, ca.pem + leaf),
  framing('the leaf twice', good, leaf + leaf + ca.pem),
  framing('the leaf twice, without issuer', [true, true, 'issuer-missing'], leaf + leaf),
  framing('with the root', good, chain + root.pem),
  framing('the root before the issuer', good, leaf + root.pem + ca.pem),
  framing('the issuer of another', [true, true, 'issuer-missing'], leaf + stranger.pem),
  framing('the issuer of another beside its own', good, leaf + stranger.pem + ca.pem),
  framing('the leaf of another first', mismatch, stranger.pemOf(otherKey) + chain),
  framing('self-signed', good, new AnyCa(host, { key: ecKey }).pemOf(ecKey)),
  framing('an issuer signed with SHA-1', [true, true, 'unreadable'], leaf + ca.pem + withSha1),
  framing('self-signed without names', good, new AnyCa('', { key: ecKey }).pemOf(ecKey, nameless)),
  framing('thirty certificates', good, chain.repeat(15)),
];

export const groups: Readonly<Record<string, readonly Form[]>> = {
  'the text of tls.crt': framings,
  'the text and type of tls.key': keys,
  'the fields of the certificate': fields,
  'the chain': chains,
};

const steadyCa = new AnyCa('Example CA', { key: fixedEd25519Key('ca') });

/** Forms that are the same in each run, octet by octet. */
export const toDamage: readonly Form[] = [
  pair('a PKCS#8 key', good, { chain: steadyCa.pemOf(ecKey) + steadyCa.pem }),
  keyForm('a SEC1 key', good, sec1(ecKey), steadyCa.pemOf(ecKey) + steadyCa.pem),
  keyForm('a PKCS#1 key', good, pkcs1(rsaKey), steadyCa.pemOf(rsaKey) + steadyCa.pem),
  framing('a certificate with many fields', good, steadyCa.pemOf(ecKey, { extensions: manyExtensions() })),
];

function manyExtensions(): Buffer[] {
  const uri = (text: string): Buffer => der(0x86, Buffer.from(text));
  const address = der(0x87, Buffer.from([192, 0, 2, 1]));
  const crl = sequence(der(0xa0, der(0xa0, uri('http://ca.example/crl'))));
  const issuers = sequence(oid('06082b06010505073002'), uri('http://ca.example/ca'));
  return [
    alternativeNames(host, '*.example.com', address, uri('spiffe://example/shop')),
    extension('0603551d0e', der(0x04, Buffer.alloc(20, 7))),
    extension('0603551d0f', der(0x03, Buffer.from([7, 0x80])), 0xff),
    extension('0603551d13', sequence(), 0xff),
    extension('0603551d1f', sequence(crl)),
    extension('0603551d20', sequence(sequence(oid('060667810c010201')))),
    extension('0603551d23', sequence(der(0x80, Buffer.alloc(20, 9)))),
    extension('0603551d25', sequence(oid('06082b06010505070301'), oid('06082b06010505070302'))),
    extension('06082b06010505070101', sequence(issuers)),
  ];
}
