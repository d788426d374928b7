/** The bytes are not DER (ITU-T X.690), or not of the expected structure. */
export class DerError extends Error {
  override readonly name = 'DerError';
}

export const derTag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  numericString: 0x12,
  printableString: 0x13,
  t61String: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

/** An element: tag, length and contents. */
export function derElement(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), content]);
  const lengthBytes = Math.ceil((32 - Math.clz32(length)) / 8);
  const head = Buffer.alloc(2 + lengthBytes);
  head[0] = tag;
  head[1] = 0x80 + lengthBytes;
  head.writeUIntBE(length, 2, lengthBytes);
  return Buffer.concat([head, content]);
}

export function derSequence(...contents: readonly Buffer[]): Buffer {
  return derElement(derTag.sequence, ...contents);
}

/** @param hex the encoded object identifier (section 8.19) */
export function derObjectIdentifier(hex: string): Buffer {
  return derElement(derTag.objectIdentifier, Buffer.from(hex, 'hex'));
}

/** Of octets: no bit of the last one is unused. */
export function derBitString(octets: Buffer): Buffer {
  return derElement(derTag.bitString, Buffer.of(0), octets);
}

interface Element {
  readonly tag: number;
  readonly content: Buffer;
}

/** Reads DER elements one after another. The methods throw DerError. */
export class DerReader {
  /** What is being read, for messages. */
  readonly what: string;
  #rest: Buffer;

  constructor(bytes: Buffer, what: string) {
    this.#rest = bytes;
    this.what = what;
  }

  get isEmpty(): boolean {
    return this.#rest.length === 0;
  }

  /** Whether the next element has this tag. */
  isNext(tag: number): boolean {
    return this.#rest[0] === tag;
  }

  /** The next element, whatever it is: definite length in its shortest form, tags up to 30. */
  any(): Element {
    const [tag = 0, first = 0] = this.#rest;
    const lengthBytes = first < 0x80 ? 0 : first - 0x80;
    const start = 2 + lengthBytes;
    if ((tag & 0x1f) === 0x1f || first === 0x80 || lengthBytes > 4 || this.#rest.length < start) {
      throw this.error();
    }
    const length = lengthBytes === 0 ? first : this.#rest.readUIntBE(2, lengthBytes);
    const isShortest = lengthBytes === 0 || length >= Math.max(0x80, 2 ** (8 * (lengthBytes - 1)));
    if (!isShortest || this.#rest.length < start + length) throw this.error();
    const content = this.#rest.subarray(start, start + length);
    this.#rest = this.#rest.subarray(start + length);
    return { tag, content };
  }

  /** The content of the next element, which has this tag. */
  read(tag: number): Buffer {
    if (!this.isNext(tag)) throw this.error();
    return this.any().content;
  }

  /** The same if the next element has this tag. */
  optional(tag: number): Buffer | undefined {
    return this.isNext(tag) ? this.read(tag) : undefined;
  }

  /** What is in the next element. */
  inside(tag: number, what = this.what): DerReader {
    if (!this.isNext(tag)) throw new DerError(`invalid ${what}`);
    return new DerReader(this.any().content, what);
  }

  sequence(what = this.what): DerReader {
    return this.inside(derTag.sequence, what);
  }

  boolean(): boolean {
    const content = this.read(derTag.boolean);
    if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff)) throw this.error();
    return content[0] !== 0;
  }

  /** Two's complement, in its shortest form. */
  integer(tag: number = derTag.integer): Buffer {
    const content = this.read(tag);
    const [first, second = 0] = content;
    if (first === undefined) throw this.error();
    const isPadded = (first === 0 && second < 0x80) || (first === 0xff && second >= 0x80);
    if (content.length > 1 && isPadded) throw this.error();
    return content;
  }

  /** Of an integer that is not negative. */
  natural(): bigint {
    const content = this.integer();
    if ((content[0] ?? 0) >= 0x80) throw this.error();
    return toNatural(content);
  }

  /**
   * The encoded object identifier (section 8.19), in hexadecimal.
   * @param limit of its arcs, exclusive
   */
  objectIdentifier(limit = 2 ** 31): string {
    const content = this.read(derTag.objectIdentifier);
    if (content.length === 0 || (content.at(-1) ?? 0) >= 0x80) throw this.error();
    let arc = 0;
    let isFirst = true;
    for (const byte of content) {
      arc = (isFirst ? 0 : arc) * 0x80 + (byte & 0x7f);
      if ((isFirst && byte === 0x80) || arc >= limit) throw this.error();
      isFirst = byte < 0x80;
    }
    return content.toString('hex');
  }

  /**
   * Bits from the first octet on; unused ones at the end must be zero.
   * @param mostUnused 0 for a string of octets
   */
  bitString(mostUnused = 7): Buffer {
    const [unused = 8, ...octets] = this.read(derTag.bitString);
    const last = octets.at(-1);
    if (unused > mostUnused || (last ?? 0) % 2 ** unused !== 0 || (last === undefined && unused > 0)) {
      throw this.error();
    }
    return Buffer.from(octets);
  }

  error(): DerError {
    return new DerError(`invalid ${this.what}`);
  }
}

/** The natural number of these bytes, most significant first. */
export function toNatural(bytes: Buffer): bigint {
  return BigInt(`0x0${bytes.toString('hex')}`);
}
