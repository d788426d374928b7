/** One block of a PEM text. */
export interface GoPemBlock {
  readonly label: string;
  readonly der: Buffer;
}

const begin = '-----BEGIN ';
const end = '\n-----END ';
const dashes = '-----';

interface Line {
  /** Without its end and blanks before that. */
  readonly text: string;
  /** Where the next one begins. */
  readonly next: number;
}

/**
 * The blocks that Go's encoding/pem finds: markers stand on lines of their own, base64 is padded, blocks that are anything else are
 * skipped. Headers are read and ignored, as crypto/tls does.
 */
export function* goPemBlocks(text: string): Generator<GoPemBlock> {
  for (let at = 0; ; ) {
    const endAt = text.indexOf(end, at);
    if (endAt < 0) return;
    // The last BEGIN before this END; at the very beginning of what is left it needs no line break before it.
    const before = text.slice(at, endAt);
    const beginAt = before.lastIndexOf(begin);
    const isBegin = beginAt === 0 || (beginAt > 0 && before[beginAt - 1] === '\n');
    const found = isBegin ? readBlock(text, at + beginAt, endAt) : undefined;
    if (found !== undefined) yield found.block;
    at = found?.next ?? endAt + end.length;
  }
}

function readBlock(
  text: string,
  beginAt: number,
  endAt: number,
): { readonly block: GoPemBlock; readonly next: number } | undefined {
  const first = lineAt(text, beginAt + begin.length);
  if (!first.text.endsWith(dashes)) return undefined;
  const label = first.text.slice(0, -dashes.length);
  const trailer = `${label}${dashes}`;
  const trailerAt = endAt + end.length;
  if (!text.startsWith(trailer, trailerAt)) return undefined;
  const last = lineAt(text, trailerAt + trailer.length);
  if (last.text !== '') return undefined;
  let contentAt = first.next;
  for (let line = lineAt(text, contentAt); line.text.includes(':'); line = lineAt(text, contentAt)) {
    contentAt = line.next;
    if (contentAt > endAt) return undefined;
  }
  const der = endAt > contentAt ? decodeBase64(text.slice(contentAt, endAt)) : Buffer.alloc(0);
  return der && { block: { label, der }, next: last.next };
}

function lineAt(text: string, at: number): Line {
  const feed = text.indexOf('\n', at);
  const line = text.slice(at, feed < 0 ? undefined : feed);
  const content = feed > at && line.endsWith('\r') ? line.slice(0, -1) : line;
  return { text: content.replace(/[ \t]+$/, ''), next: feed < 0 ? text.length : feed + 1 };
}

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function decodeBase64(text: string): Buffer | undefined {
  const digits = text.replaceAll(/[ \t\r\n]+/g, '');
  return base64.test(digits) ? Buffer.from(digits, 'base64') : undefined;
}
