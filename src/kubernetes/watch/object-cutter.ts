import { KubernetesError } from '../client/kubernetes-error.ts';

const mebibyte = 1024 * 1024;
/**
 * An object in etcd is limited to 1.5 MiB; its JSON can be six times as long, since the API server escapes `<`, `>`, `&` and control
 * characters, and then come the managedFields.
 */
const longestObject = 16 * mebibyte;
const longestFrame = mebibyte;
const longestKey = 64;
const outside = -1;

const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const openBracket = 0x5b;
const backslash = 0x5c;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const newline = 0x0a;
const space = 0x20;
const nothing = Buffer.from('null');

/** Where the objects are in the JSON, and what is left out of each: fields of `metadata` that no reader wants, which may be huge. */
export interface Cut {
  /** `items`: of a list. `lines`: one document a line, each with its object in the field `object`. */
  readonly objects: 'items' | 'lines';
  readonly without: ReadonlySet<string>;
}

/**
 * Cuts the JSON of a list or a watch, as it arrives, into the texts of its objects, so that no more than one object has to be in memory
 * or parsed at a time. It only finds where objects and fields begin and end; whether a text is JSON shows when it is parsed.
 */
export class ObjectCutter {
  readonly #lines: boolean;
  readonly #without: ReadonlySet<string>;
  /** Keys from an object down to its metadata. */
  readonly #toMetadata: readonly string[];
  /** Open brackets. */
  #depth = 0;
  /** Depth of what contains the objects; `outside` of `items`. */
  #container: number;
  #inString = false;
  #escaped = false;
  /** The part in earlier pieces of a string that is not complete. */
  #begun = '';
  /** Keys of the fields that are open, by level. */
  readonly #path: string[] = [];
  /** Depth of the object whose current field is left out. */
  #leavingOut = outside;
  readonly #object = new Kept('An object', longestObject);
  readonly #frame = new Kept('A list without its objects', longestFrame);

  constructor({ objects, without }: Cut) {
    this.#lines = objects === 'lines';
    this.#without = without;
    this.#toMetadata = this.#lines ? ['object', 'metadata'] : ['metadata'];
    this.#container = this.#lines ? 0 : outside;
  }

  /**
   * @returns the texts of the objects that end in this piece
   * @throws KubernetesError InvalidResponse for an object that is too long, or for what stands beside the objects
   */
  // One function, because it sees each byte of a list: calls and fields in the loop make it three times slower.
  feed(bytes: Uint8Array): Buffer[] {
    const piece = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const complete: Buffer[] = [];
    const innermost = this.#toMetadata.length + 1;
    let depth = this.#depth;
    /** Where the bytes begin that are not kept yet. */
    let start = 0;
    let stringStart = 0;
    let stringEnd = 0;
    let at = this.#inString ? this.#endOfString(piece, 0) : 0;
    if (at > 0) stringEnd = at - 1;
    for (; at < piece.length; at += 1) {
      switch (piece[at]) {
        case quote:
          if (depth === this.#container) throw notJson();
          this.#begun = '';
          stringStart = at + 1;
          at = this.#endOfString(piece, stringStart) - 1;
          stringEnd = at;
          break;
        case colon: {
          const level = depth - Math.max(this.#container, 0);
          if (level < 1) throw notJson();
          if (level > innermost || this.#leavingOut !== outside) break;
          const key =
            this.#begun +
            piece.toString('latin1', stringStart, Math.min(stringEnd, stringStart + longestKey));
          this.#path[level - 1] = key;
          if (level < innermost || this.#container === outside || !this.#isUnwanted(key)) break;
          this.#keep(piece.subarray(start, at + 1));
          this.#keep(nothing);
          this.#leavingOut = depth;
          break;
        }
        case openBrace:
        case openBracket:
          if (depth === this.#container) start = at;
          else if (depth === 1 && this.#container === outside && this.#path[0] === 'items') {
            this.#keep(piece.subarray(start, at + 1));
            this.#container = 2;
          }
          depth += 1;
          break;
        case closeBrace:
        case closeBracket:
          depth -= 1;
          if (depth < 0) throw notJson();
          if (this.#leavingOut > depth) {
            this.#leavingOut = outside;
            start = at;
          }
          if (depth === this.#container) {
            this.#keep(piece.subarray(start, at + 1));
            complete.push(this.#object.take());
          } else if (depth === 1 && this.#container === 2) {
            this.#container = outside;
            start = at;
          }
          break;
        case comma:
          if (depth === this.#leavingOut) {
            this.#leavingOut = outside;
            start = at;
          } else if (depth === 0 && this.#lines) throw notJson();
          break;
        case newline:
          if (depth > 0 && this.#lines) throw notJson();
          break;
        default:
          if (depth === this.#container && Number(piece[at]) > space) throw notJson();
      }
    }
    const stringUntil = Math.min(this.#inString ? piece.length : stringEnd, stringStart + longestKey);
    this.#begun = (this.#begun + piece.toString('latin1', stringStart, stringUntil)).slice(0, longestKey);
    this.#depth = depth;
    if (depth !== this.#container && this.#leavingOut === outside) this.#keep(piece.subarray(start));
    return complete;
  }

  /** The JSON around the objects of a list, with `items` empty. */
  frame(): string {
    return this.#frame.take().toString('utf8');
  }

  /** @returns the index after the closing quote, or the length of the piece */
  #endOfString(piece: Buffer, from: number): number {
    let escaped = this.#escaped;
    for (let at = from; at < piece.length; at += 1) {
      const byte = piece[at];
      if (escaped) escaped = false;
      else if (byte === backslash) escaped = true;
      else if (byte === quote) {
        this.#inString = false;
        this.#escaped = false;
        return at + 1;
      }
    }
    this.#inString = true;
    this.#escaped = escaped;
    return piece.length;
  }

  #isUnwanted(key: string): boolean {
    return this.#without.has(key) && this.#toMetadata.every((outer, index) => this.#path[index] === outer);
  }

  #keep(bytes: Uint8Array): void {
    (this.#container === outside ? this.#frame : this.#object).add(bytes);
  }
}

/** Bytes in pieces, not more than a limit. */
class Kept {
  readonly #what: string;
  readonly #limit: number;
  #pieces: Uint8Array[] = [];
  #length = 0;

  constructor(what: string, limit: number) {
    this.#what = what;
    this.#limit = limit;
  }

  /** @throws KubernetesError InvalidResponse beyond the limit */
  add(bytes: Uint8Array): void {
    this.#length += bytes.length;
    if (this.#length > this.#limit) {
      throw new KubernetesError('InvalidResponse', `${this.#what} is longer than ${this.#limit} bytes`);
    }
    this.#pieces.push(bytes);
  }

  take(): Buffer {
    const bytes = Buffer.concat(this.#pieces, this.#length);
    this.#pieces = [];
    this.#length = 0;
    return bytes;
  }
}

/** Not the text itself: it may be confidential. */
export function notJson(cause?: unknown): KubernetesError {
  return new KubernetesError('InvalidResponse', 'The API server sent what is not JSON', {
    cause: cause instanceof Error ? cause.name : undefined,
  });
}
