import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { domainToASCII, domainToUnicode } from 'node:url';
import * as fc from 'fast-check';
import { covers, type NameSpace, validateHost } from '../../../machines/hosts/host-names.ts';

function validate(host: string, names: NameSpace): ReturnType<typeof validateHost> {
  return validateHost(host, { names, toUnicode: domainToUnicode });
}

function message(host: string): string | undefined {
  return validate(host, 'public')?.message;
}

describe('a host that a CA can certify', () => {
  const longest = `${'a'.repeat(49)}.`.repeat(5).slice(0, 250);
  for (const host of [
    'example.com',
    'demo.example.com',
    'a-b.1c.example.co.uk',
    'xn--bcher-kva.example.com',
    'foo.xn--p1ai',
    'host.test',
    `${'a'.repeat(61)}.io`,
    `${'a'.repeat(63)}.example.com`,
    `${longest}com`,
    '*.example.com',
    '*.a.example.com',
  ]) {
    it(`${host.slice(0, 50)} (${host.length})`, () => assert.equal(validate(host, 'public'), undefined));
  }
});

describe('a host that no CA can certify is refused in words', () => {
  for (const [host, expected] of [
    ['*', 'Host * has an asterisk that is not its whole first label, as in *.example.com.'],
    [
      'a*.example.com',
      'Host a*.example.com has an asterisk that is not its whole first label, as in *.example.com.',
    ],
    [
      '*.*.example.com',
      'Host *.*.example.com has an asterisk that is not its whole first label, as in *.example.com.',
    ],
    ['*.com', 'Host com is a single label; a CA needs the full name, such as com.example.com.'],
    ['', 'An empty host cannot have a certificate.'],
    ['192.0.2.1', 'Host 192.0.2.1 is an IP address, not a DNS name.'],
    ['2001:db8::1', 'Host 2001:db8::1 is an IP address, not a DNS name.'],
    ['0x7f.1', 'Host 0x7f.1 ends in a number, as only IP addresses do.'],
    ['shop', 'Host shop is a single label; a CA needs the full name, such as shop.example.com.'],
    [
      'db.internal',
      'Host db.internal ends in .internal, which is reserved for private networks (ICANN, 2024): no public CA can certify it.',
    ],
    [
      'db.local',
      'Host db.local ends in .local, which is reserved for multicast DNS (RFC 6762): no public CA can certify it.',
    ],
    [
      `${'a'.repeat(64)}.com`,
      `Host ${'a'.repeat(64)}.com has a label of 64 characters; DNS allows 63 between two dots.`,
    ],
    [
      `${'abcd.'.repeat(50)}comm`,
      'Host abcd.abcd.abcd.abcd.abcd.abcd.abcd.abcd.… has more characters than the 253 that a DNS name may have.',
    ],
    [
      'xn--99999999999.com',
      'Host xn--99999999999.com has the label xn--99999999999, which is not a valid internationalised (xn--) name.',
    ],
    [
      'xn--abc.com',
      'Host xn--abc.com has the label xn--abc, which is not a valid internationalised (xn--) name.',
    ],
    [
      'bücher.de',
      'Host bücher.de has non-ASCII characters; write it in its ASCII form, which begins with xn--.',
    ],
    ['a_b.com', 'Host a_b.com has the character "_"; only a-z, 0-9, hyphen and dot are allowed.'],
    ['a..com', 'Host a..com has an empty label (two dots in a row, or one at the beginning).'],
    ['-a.com', 'Host -a.com has the label -a, which begins or ends with a hyphen.'],
    [
      'ab--c.com',
      'Host ab--c.com has the label ab--c, whose third and fourth characters are reserved hyphens (RFC 5890, section 2.3.1).',
    ],
  ] as const) {
    it(host.slice(0, 50) || 'none', () => assert.equal(message(host), expected));
  }

  it('but a private CA may certify .internal', () => {
    assert.equal(validate('db.internal', 'any'), undefined);
    assert.equal(validate('db', 'any')?.code, 'InvalidHost');
  });
});

describe('a certificate covers a host', () => {
  it('of the same name, whatever the case and final dot', () => {
    assert.ok(covers(['other.com', 'A.example.com'], 'a.EXAMPLE.com.'));
    assert.ok(!covers(['a.example.com'], 'b.example.com'));
    assert.ok(!covers([], 'a.example.com'));
  });

  it('by a wildcard for exactly one whole leftmost label', () => {
    assert.ok(covers(['*.example.com'], 'a.example.com'));
    assert.ok(!covers(['*.example.com'], 'example.com'));
    assert.ok(!covers(['*.example.com'], 'b.a.example.com'));
    assert.ok(!covers(['a*.example.com', 'a.*.com', '*'], 'ab.example.com'));
  });
});

describe('an internationalised name', () => {
  const label = fc.string({
    unit: fc.constantFrom(...Array.from('abzäößπжא例え💩漢')),
    minLength: 1,
    maxLength: 12,
  });

  it('is taken in the form that Node encodes', () => {
    fc.assert(
      fc.property(label, (text) => {
        const encoded = domainToASCII(text);
        fc.pre(encoded.startsWith('xn--'));
        assert.equal(message(`${encoded}.example.com`), undefined);
      }),
      { seed: 20261130 },
    );
  });

  it('is refused when it does not decode to one, whatever it is', () => {
    for (const bad of ['xn--', 'xn--0', 'xn--a', 'xn--a-ecp', 'xn--u-ccb'])
      assert.match(message(`${bad}.example.com`) ?? '', /not a valid internationalised|hyphen/, bad);
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9-]{0,59}$/), (text) => {
        const refused = message(`xn--${text}.example.com`) !== undefined;
        assert.ok(refused || domainToUnicode(`xn--${text}`) !== `xn--${text}`);
      }),
      { seed: 20261130 },
    );
  });
});
