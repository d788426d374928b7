import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { isIP } from 'node:net';
import { decodeAll, type Element, oid, tag } from './der.ts';
import type { Identifier } from './exchange.ts';
import { Refusal } from './refusal.ts';

/** A parsed CSR (RFC 2986). */
export interface SigningRequest {
  /** SubjectPublicKeyInfo */
  readonly publicKeyDer: Buffer;
  readonly identifiers: readonly Identifier[];
  /** Of the subject. */
  readonly commonNames: readonly string[];
}

const hashOf: Readonly<Record<string, string>> = {
  '2a864886f70d01010b': 'sha256',
  '2a864886f70d01010c': 'sha384',
  '2a864886f70d01010d': 'sha512',
  '2a8648ce3d040302': 'sha256',
  '2a8648ce3d040303': 'sha384',
  '2a8648ce3d040304': 'sha512',
};

/** Reads it, and sees whether it is signed and its key is one that Boulder takes. @throws Refusal badCSR */
export function readSigningRequest(der: Buffer): SigningRequest {
  try {
    return read(der);
  } catch (error) {
    throw badCsr(`Error parsing certificate request: ${error instanceof Error ? error.message : ''}`);
  }
}

export function badCsr(detail: string): Refusal {
  return new Refusal({ type: 'badCSR', detail, status: 400 });
}

function read(der: Buffer): SigningRequest {
  const [request, ...rest] = decodeAll(der);
  if (request === undefined || rest.length > 0) throw new Error('not one structure');
  const [info, algorithm, signature] = decodeAll(request.content);
  if (info === undefined || algorithm === undefined || signature === undefined) throw new Error('cut short');
  const [, subject, key, ...attributes] = decodeAll(info.content);
  if (subject === undefined || key === undefined) throw new Error('without a key');
  checkKey(key, info, algorithm, signature);
  return {
    publicKeyDer: key.whole,
    identifiers: attributes.flatMap(identifiersOf),
    commonNames: commonNamesOf(subject),
  };
}

function checkKey(key: Element, info: Element, algorithm: Element, signature: Element): void {
  const publicKey: KeyObject = createPublicKey({ key: key.whole, format: 'der', type: 'spki' });
  const { modulusLength: bits, namedCurve: curve } = publicKey.asymmetricKeyDetails ?? {};
  if (bits === undefined ? !['prime256v1', 'secp384r1'].includes(curve ?? '') : bits < 2048)
    throw new Error(`a key that is not accepted (${bits ?? curve})`);
  const hash = hashOf[decodeAll(algorithm.content)[0]?.content.toString('hex') ?? ''];
  if (hash === undefined || !verify(hash, info.whole, publicKey, signature.content.subarray(1)))
    throw new Error('its signature is wrong');
}

/** The subjectAltName among the extensions that are asked for. */
function identifiersOf(attributes: Element): Identifier[] {
  if (attributes.tag !== tag.attributes) return [];
  for (const attribute of decodeAll(attributes.content)) {
    const [type, values] = decodeAll(attribute.content);
    if (type?.whole.equals(oid.extensionRequest) !== true || values === undefined) continue;
    for (const list of decodeAll(values.content)) {
      for (const extension of decodeAll(list.content)) {
        const [name, ...parts] = decodeAll(extension.content);
        const value = parts.at(-1);
        if (name?.whole.equals(oid.subjectAltName) !== true || value === undefined) continue;
        return decodeAll(decodeAll(value.content)[0]?.content ?? Buffer.alloc(0)).map(identifierOf);
      }
    }
  }
  return [];
}

function identifierOf({ tag: type, content }: Element): Identifier {
  if (type === tag.dnsName) return { type: 'dns', value: content.toString('latin1').toLowerCase() };
  if (type === tag.ipAddress && content.length === 4) return { type: 'ip', value: content.join('.') };
  if (type === tag.ipAddress && content.length === 16) {
    const groups = Array.from({ length: 8 }, (_, index) => content.readUInt16BE(index * 2).toString(16));
    const { hostname } = new URL(`http://[${groups.join(':')}]`);
    return { type: 'ip', value: hostname.slice(1, -1) };
  }
  throw new Error('a subjectAltName of a kind that is not known');
}

function commonNamesOf(subject: Element): string[] {
  return decodeAll(subject.content)
    .flatMap((set) => decodeAll(set.content))
    .flatMap((attribute) => {
      const [type, value] = decodeAll(attribute.content);
      const isName = type?.whole.equals(oid.commonName) === true && value !== undefined;
      return isName ? [value.content.toString().toLowerCase()] : [];
    });
}

/** Those of the request, a common name among them. */
export function identifiersAskedFor({ identifiers, commonNames }: SigningRequest): Identifier[] {
  const named = commonNames.map((value): Identifier => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value }));
  return [...identifiers, ...named];
}
