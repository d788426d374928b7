import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { certificateId } from '../../src/certificate/certificate-id.ts';
import { der, extension } from './der-building.ts';

/** A certificate as far as its id is concerned (RFC 5280 section 4.1). */
function certificate(serial: string, ...extensions: readonly Buffer[]): { raw: Buffer } {
  const version = der(0xa0, der(0x02, Buffer.from([2])));
  const algorithm = der(0x30, der(0x06, Buffer.from('2a864886f70d01010b', 'hex')));
  const padding = der(0x30, der(0x0c, Buffer.alloc(300)));
  const tbs = der(
    0x30,
    version,
    der(0x02, Buffer.from(serial, 'hex')),
    algorithm,
    padding,
    der(0xa3, der(0x30, ...extensions)),
  );
  return { raw: der(0x30, tbs, algorithm, der(0x03, Buffer.alloc(257))) };
}

const keyId = Buffer.from('69885b6b87464041e1b37b847ba0ae2cde01c8d4', 'hex');
const authority = extension('0603551d23', der(0x30, der(0x80, keyId)));
const usage = extension('0603551d0f', der(0x03, Buffer.from([5, 0xa0])), 0xff);

describe('the id by which a CA knows a certificate', () => {
  it('is that of the example in RFC 9773 section 4.1', () => {
    assert.equal(
      certificateId(certificate('0087654321', usage, authority)),
      'aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE',
    );
  });

  it('is unknown for a certificate without an authority key identifier', () => {
    assert.equal(certificateId(certificate('01', usage)), undefined);
    const issuerOnly = extension('0603551d23', der(0x30, der(0x82, Buffer.from([1]))));
    assert.equal(certificateId(certificate('01', issuerOnly)), undefined);
  });

  it('is unknown for what is no certificate, wherever it breaks off', () => {
    const { raw } = certificate('0087654321', usage, authority);
    for (let length = 0; length < raw.length; length += 1) {
      assert.equal(certificateId({ raw: raw.subarray(0, length) }), undefined);
    }
    assert.equal(certificateId({ raw: Buffer.alloc(100, 0xff) }), undefined);
  });
});
