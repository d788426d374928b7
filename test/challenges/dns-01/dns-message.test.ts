import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encode } from 'dns-packet';
import { readAnswer, writeQuestion } from '../../../src/challenges/dns-01/message/question.ts';
import {
  signRequest,
  TsigError,
  type TsigKey,
  verifyAnswer,
} from '../../../src/challenges/dns-01/message/tsig.ts';
import { writeUpdate } from '../../../src/challenges/dns-01/message/update.ts';
import {
  DnsFormatError,
  lastRecord,
  readName,
  writeName,
} from '../../../src/challenges/dns-01/message/wire.ts';

// RFC 2136 and RFC 8945 contain no vectors: these are by dnspython 2.9.2, with the secret 00 01 02 … 1f at 2027-01-15T08:00:00Z.
const secret = Buffer.from(Array.from({ length: 32 }, (_, index) => index));
const key: TsigKey = { name: 'kube-lego', algorithm: 'hmac-sha256', secret };
const at = 1_800_000_000;
const emptyUpdate = '1234280000010000000000000473686f70076578616d706c650000060001';
const signed256 = `1234280000010000000000010473686f70076578616d706c650000060001096b7562652d6c65676f0000fa00ff00000000003d0b686d61632d7368613235360000006b49d200012c0020e6060afc4f0fb421cd7c35d705edb1a8a371b372ca1780c0f6dff4fbaf3949ba123400000000`;
const signed512 =
  '1234280000010000000000010473686f70076578616d706c650000060001096b7562652d6c65676f0000fa00ff00000000005d0b686d61632d7368613531320000006b49d200012c0040e5e3af2da5e2add92af69938b7aaf5894420dfe9daf68b412caff5e1517b237c2aadd8bfbeedaa7a4f9fbce5c70ba975147c707fe0232e234f1d2ef7a22ee5ac123400000000';
/** Of the request that the answers are to. */
const requestMac = Buffer.from('f12aead58d45090d97eab19feecbf27801543af638288fee84f0be9f56aee3d4', 'hex');
const goodAnswer =
  '1234a80000010000000000010473686f70076578616d706c650000060001096b7562652d6c65676f0000fa00ff00000000003d0b686d61632d7368613235360000006b49d200012c0020204de084aa97e350888b7009be5f37e4a67095071886ede3ee3a4121a9c9d517123400000000';
const badTimeAnswer =
  '1234a80900010000000000010473686f70076578616d706c650000060001096b7562652d6c65676f0000fa00ff0000000000430b686d61632d7368613235360000006b49d200012c0020ef6d4de0787bb1981dde4ceb6fc56564e8c4155c12272c1ef8bdb73a513ccdc712340012000600006b49d5e8';

function verdict(answer: Buffer, mac = requestMac, now = at, by = key): string {
  try {
    verifyAnswer(answer, by, mac, now);
    return 'good';
  } catch (error) {
    if (error instanceof TsigError) return error.code;
    if (error instanceof DnsFormatError) return 'malformed';
    throw error;
  }
}

describe('an UPDATE', () => {
  it('without changes names the zone only', () => {
    assert.equal(writeUpdate(0x1234, 'shop.example', []).toString('hex'), emptyUpdate);
  });

  it('adds a value beside others, and removes one from among them (RFC 2136 sections 2.5.1, 2.5.4)', () => {
    const name = 'a.shop.example';
    const update = writeUpdate(1, 'shop.example.', [
      { action: 'add', name, ttl: 10, value: 'one' },
      { action: 'remove', name, ttl: 10, value: 'two' },
    ]).toString('hex');
    const owner = '01610473686f70076578616d706c6500';
    assert.equal(update.slice(0, 24), '000128000001000000020000');
    assert.ok(update.endsWith(`${owner}001000010000000a0004036f6e65${owner}001000fe0000000000040374776f`));
  });
});

describe('a TSIG', () => {
  it('of a request is that of another implementation', () => {
    const update = writeUpdate(0x1234, 'shop.example', []);
    assert.equal(signRequest(update, key, at).message.toString('hex'), signed256);
    const other = { ...key, algorithm: 'hmac-sha512' } as const;
    assert.equal(signRequest(update, other, at).message.toString('hex'), signed512);
  });

  it('of an answer proves who has sent it, and for which request', () => {
    const answer = Buffer.from(goodAnswer, 'hex');
    assert.equal(verdict(answer), 'good');
    assert.equal(verdict(answer, Buffer.alloc(32)), 'BADSIG');
    assert.equal(verdict(answer, requestMac, at, { ...key, secret: Buffer.alloc(32) }), 'BADSIG');
    assert.equal(verdict(answer, requestMac, at + 301), 'BADTIME');
    assert.equal(verdict(answer, requestMac, at, { ...key, name: 'other' }), 'BADKEY');
    const changed = Buffer.from(answer);
    changed.writeUInt8(5, 3);
    assert.equal(verdict(changed), 'BADSIG');
  });

  it("tells of the server's clock", () => {
    assert.throws(
      () => verifyAnswer(Buffer.from(badTimeAnswer, 'hex'), key, requestMac, at),
      (error) => error instanceof TsigError && error.code === 'BADTIME' && error.ahead === 1000,
    );
  });

  it('is missed', () => {
    assert.equal(verdict(Buffer.from(emptyUpdate.replace('12342800', '1234a800'), 'hex')), 'unsigned');
  });

  it('that is cut anywhere is malformed or unsigned, and never good', () => {
    const answer = Buffer.from(goodAnswer, 'hex');
    for (let length = 0; length < answer.length; length += 1) {
      assert.notEqual(verdict(answer.subarray(0, length)), 'good');
    }
  });
});

describe('names', () => {
  it('are lower case, with labels of at most 63 bytes and 255 in all', () => {
    assert.equal(writeName('A.Shop.').toString('hex'), '01610473686f7000');
    assert.throws(() => writeName(`${'a'.repeat(64)}.example`), DnsFormatError);
    assert.throws(() => writeName('a..example'), DnsFormatError);
    assert.throws(() => writeName(`${'abc.'.repeat(64)}example`), DnsFormatError);
  });

  it('whose pointers lead in a circle end', () => {
    assert.throws(() => readName(Buffer.from('c000', 'hex'), 0), DnsFormatError);
    assert.throws(() => lastRecord(Buffer.from('000080000001000000000000c00c', 'hex')), DnsFormatError);
  });
});

describe('an answer', () => {
  it('is read as far as it concerns us', () => {
    const message = encode({
      type: 'response',
      id: 7,
      flags: 0x0400,
      answers: [
        { type: 'TXT', name: 'A.Shop.example', ttl: 1, data: ['one', 'two'] },
        { type: 'MX', name: 'shop.example', ttl: 1, data: { exchange: 'mail.shop.example', preference: 1 } },
      ],
      authorities: [
        {
          type: 'SOA',
          name: 'shop.example',
          ttl: 1,
          data: { mname: 'NS1.shop.example', rname: 'ops.shop.example', serial: 1 },
        },
      ],
    });
    assert.deepEqual(readAnswer(message), {
      id: 7,
      rcode: 'NOERROR',
      authoritative: true,
      truncated: false,
      answers: [{ name: 'a.shop.example', type: 'TXT', data: 'onetwo' }],
      authorities: [{ name: 'shop.example', type: 'SOA', data: 'ns1.shop.example' }],
    });
  });

  it('that is cut or no answer is refused, whatever it is cut to', () => {
    const question = writeQuestion(1, 'shop.example', 'TXT', { recursive: true, edns: true });
    assert.throws(() => readAnswer(question), DnsFormatError);
    const message = encode({
      type: 'response',
      answers: [{ type: 'TXT', name: 'shop.example', ttl: 1, data: 'one' }],
    });
    for (let length = 0; length < message.length; length += 1) {
      assert.throws(() => readAnswer(message.subarray(0, length)), DnsFormatError);
    }
  });
});
