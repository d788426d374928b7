import { hash, type KeyObject, randomBytes, type X509Certificate } from 'node:crypto';
import forge from 'node-forge';

const { asn1, hmac, md } = forge;
const { oids } = forge.pki;
const { Class, Type } = asn1;

type Asn1 = forge.asn1.Asn1;

/** The alias under which Java finds the entry. */
const friendlyName = 'certificate';
/** What OpenSSL encrypts a key with; the MAC has as many. */
const iterations = 2048;
/** RFC 7292, appendix B.3: of the MAC's key. */
const macKeyId = 3;
/** Octets. */
const macLength = 32;

/**
 * A PKCS #12 keystore (RFC 7292) that Java, .NET and OpenSSL read: the key is encrypted with AES-256 (PBES2), the certificates are not
 * encrypted, and the MAC is HMAC with SHA-256. node-forge makes whole ones of RSA keys only.
 *
 * @param leaf the certificate of the key
 * @param password printable ASCII: of other characters programs make different octets
 * @returns DER
 */
export function pkcs12(
  leaf: X509Certificate,
  issuers: readonly X509Certificate[],
  key: KeyObject,
  password: string,
): Buffer {
  const attributes = element(Type.SET, [
    attribute('friendlyName', element(Type.BMPSTRING, friendlyName)),
    // Java takes key and certificate for one entry by it.
    attribute('localKeyId', octetString(hash('sha1', leaf.raw, 'buffer'))),
  ]);
  const certificates = [certificateBag(leaf, attributes), ...issuers.map((issuer) => certificateBag(issuer))];
  const encrypted = key.export({ type: 'pkcs8', format: 'der', cipher: 'aes-256-cbc', passphrase: password });
  const keyBag = sequence(
    objectIdentifier('pkcs8ShroudedKeyBag'),
    explicit(asn1.fromDer(encrypted.toString('latin1'))),
    attributes,
  );
  const contents = der(
    sequence(contentInfo(der(sequence(...certificates))), contentInfo(der(sequence(keyBag)))),
  );
  const salt = randomBytes(16);
  const macData = sequence(
    sequence(
      sequence(objectIdentifier('sha256'), element(Type.NULL, '')),
      octetString(macOf(contents, password, salt)),
    ),
    octetString(salt),
    integer(iterations),
  );
  return der(sequence(integer(3), contentInfo(contents), macData));
}

function macOf(contents: Buffer, password: string, salt: Buffer): Buffer {
  const saltBuffer = forge.util.createBuffer(salt.toString('latin1'));
  const sha256 = md.sha256.create();
  const key = forge.pkcs12.generateKey(password, saltBuffer, macKeyId, iterations, macLength, sha256);
  const mac = hmac.create();
  mac.start('sha256', key);
  mac.update(contents.toString('latin1'));
  return Buffer.from(mac.digest().getBytes(), 'latin1');
}

function attribute(name: string, value: Asn1): Asn1 {
  return sequence(objectIdentifier(name), element(Type.SET, [value]));
}

function certificateBag({ raw }: X509Certificate, ...attributes: readonly Asn1[]): Asn1 {
  const value = sequence(objectIdentifier('x509Certificate'), explicit(octetString(raw)));
  return sequence(objectIdentifier('certBag'), explicit(value), ...attributes);
}

function contentInfo(content: Buffer): Asn1 {
  return sequence(objectIdentifier('data'), explicit(octetString(content)));
}

/** @param name as node-forge names it */
function objectIdentifier(name: string): Asn1 {
  return element(Type.OID, asn1.oidToDer(oids[name] ?? '').getBytes());
}

function octetString(octets: Buffer): Asn1 {
  return element(Type.OCTETSTRING, octets.toString('latin1'));
}

function integer(value: number): Asn1 {
  return element(Type.INTEGER, asn1.integerToDer(value).getBytes());
}

function sequence(...elements: Asn1[]): Asn1 {
  return element(Type.SEQUENCE, elements);
}

function explicit(content: Asn1): Asn1 {
  return asn1.create(Class.CONTEXT_SPECIFIC, Type.NONE, true, [content]);
}

function element(type: forge.asn1.Type, value: string | Asn1[]): Asn1 {
  return asn1.create(Class.UNIVERSAL, type, typeof value !== 'string', value);
}

function der(value: Asn1): Buffer {
  return Buffer.from(asn1.toDer(value).getBytes(), 'latin1');
}
