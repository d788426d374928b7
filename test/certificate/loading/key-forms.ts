import { createECDH, createPrivateKey, generateKeyPairSync, hash, type KeyObject } from 'node:crypto';
import { der, oid, sequence, toPem } from '../der-building.ts';

const prime256v1 = der(0xa0, oid('06082a8648ce3d030107'));

/** The key's SEC1 form (RFC 5915) from its parts. */
function sec1Of(scalar: Buffer, ...optional: readonly Buffer[]): Buffer {
  return sequence(der(0x02, Buffer.from([1])), der(0x04, scalar), ...optional);
}

/** A key on P-256 that is the same in each run. */
export function fixedEcKey(seed: string): KeyObject {
  const scalar = hash('sha256', seed, 'buffer');
  return createPrivateKey({ key: sec1Of(scalar, prime256v1), format: 'der', type: 'sec1' });
}

/** Likewise an Ed25519 key (RFC 8410). */
export function fixedEd25519Key(seed: string): KeyObject {
  const prefix = Buffer.from('302e020100300506032b657004220420', 'hex');
  const key = Buffer.concat([prefix, hash('sha256', seed, 'buffer')]);
  return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
}

/** Likewise an RSA key of 2048 bits. */
function fixedRsaKey(): KeyObject {
  const [p, q, e] = [BigInt(`0x${primes[0]}`), BigInt(`0x${primes[1]}`), 65_537n];
  const d = inverse(e, (p - 1n) * (q - 1n));
  const numbers = [0n, p * q, e, d, p, q, d % (p - 1n), d % (q - 1n), inverse(q, p)];
  return createPrivateKey({ key: sequence(...numbers.map(integer)), format: 'der', type: 'pkcs1' });
}

function integer(value: bigint): Buffer {
  const digits = value.toString(16);
  const even = digits.padStart(digits.length + (digits.length % 2), '0');
  return der(0x02, Buffer.from(/^[89a-f]/.test(even) ? `00${even}` : even, 'hex'));
}

function inverse(value: bigint, modulus: bigint): bigint {
  let [previous, rest, before, factor] = [modulus, value % modulus, 0n, 1n];
  while (rest !== 0n) {
    const quotient = previous / rest;
    [previous, rest] = [rest, previous - quotient * rest];
    [before, factor] = [factor, before - quotient * factor];
  }
  return ((before % modulus) + modulus) % modulus;
}

const primes = [
  'cf02eac9b23e24555c85f5c85bde02e3d93e32d91400f7cdd25ce5901da14ff6fda300f5723d016eaba760ab298aa32e' +
    '92685b00181ded85af3d99605fc4fe40ccef6c39de6c11d1dba966579919c66a5e98ba4f7093ea687f07e287b55c6588' +
    '662e850d093adc83404dcff8b1b32f8d8bff27ca175b246f0577d0d89ea7f685',
  'f3912073a0423f3f5cf9b389a224c22a26fa172504301fd7ae813d07a3e049df29353f75a44f4d340cc7ebc1d6f3cef1' +
    '29366a0846d410f01834a269922c6a575af1d991e6a3c166f075d0b26cfe6f1c8d2a7110528a873d66c1b3ee99c60d97' +
    'fbf26367031354d74718f6fd13089b1b9e7565041b1ebd767c076325e2c71add',
];

export const ecKey = fixedEcKey('shop');
export const otherKey = fixedEcKey('other');
export const rsaKey = fixedRsaKey();

export function pkcs8(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

export function pkcs1(key: KeyObject): string {
  return key.export({ type: 'pkcs1', format: 'pem' }).toString();
}

export function sec1(key: KeyObject): string {
  return key.export({ type: 'sec1', format: 'pem' }).toString();
}

export const ecParameters = toPem('EC PARAMETERS', oid('06082a8648ce3d030107'));

function scalarOf(key: KeyObject): Buffer {
  return Buffer.from(key.export({ format: 'jwk' }).d ?? '', 'base64url');
}

/** Without the public key that it may contain. */
export const withoutPublicKey = toPem('EC PRIVATE KEY', sec1Of(scalarOf(ecKey), prime256v1));

/** With the public key of another one. */
export const withWrongPublicKey = toPem(
  'EC PRIVATE KEY',
  sec1Of(scalarOf(otherKey), prime256v1, der(0xa1, der(0x03, Buffer.from([0]), pointOf(ecKey)))),
);

function pointOf(key: KeyObject): Buffer {
  const ecdh = createECDH('prime256v1');
  ecdh.setPrivateKey(scalarOf(key));
  return ecdh.getPublicKey();
}

/** An RSA key with a wrong coefficient, as after a flipped bit. */
export function withWrongCoefficient(): string {
  const content = rsaKey.export({ type: 'pkcs1', format: 'der' });
  const damaged = Buffer.from(content);
  const last = damaged.length - 1;
  damaged[last] = (damaged[last] ?? 0) ^ 1;
  return toPem('RSA PRIVATE KEY', damaged);
}

/** P-256 with its parameters spelt out in place of its name, by OpenSSL. */
export function withExplicitParameters(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256', paramEncoding: 'explicit' }).privateKey;
}

export function encrypted(type: 'pkcs8' | 'sec1'): string {
  return ecKey.export({ type, format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }).toString();
}
