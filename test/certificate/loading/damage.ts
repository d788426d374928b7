import { derOf, toPem } from '../der-building.ts';
import type { Form } from './forms.ts';

type Pair = Pick<Form, 'chain' | 'key'>;

/** Pairs with one damage each, the same ones in each run: a bit of the certificate or the key, or a character of their texts. */
export function* damaged({ chain, key }: Pair, count: number): Generator<Pair> {
  const random = new Random(20_261_101);
  const [leafText = '', ...others] = chain.split(/(?<=-----END CERTIFICATE-----\n)/);
  const leaf = derOf(leafText);
  const label = /BEGIN (.*)-----/.exec(key)?.[1] ?? '';
  for (let index = 0; index < count; index += 1) {
    const kind = index % 4;
    if (kind === 0) yield { chain: toPem('CERTIFICATE', flip(leaf, random)) + others.join(''), key };
    else if (kind === 1) yield { chain, key: toPem(label, flip(derOf(key), random)) };
    else if (kind === 2) yield { chain: edit(chain, random), key };
    else yield { chain, key: edit(key, random) };
  }
}

function flip(content: Buffer, random: Random): Buffer {
  const changed = Buffer.from(content);
  const at = random.below(content.length);
  changed[at] = (changed[at] ?? 0) ^ (1 << random.below(8));
  return changed;
}

const odd = [
  ' ',
  '\t',
  '\n',
  '\r',
  '\r\n',
  '-',
  '=',
  ':',
  'A',
  '',
  '\0',
  '-----',
  '\n\n',
  '-----BEGIN ',
  '\n-----END ',
];

function edit(text: string, random: Random): string {
  const at = random.below(text.length);
  const removed = random.below(3);
  return text.slice(0, at) + (odd[random.below(odd.length)] ?? '') + text.slice(at + removed);
}

/** Xorshift (Marsaglia 2003): the same numbers for the same seed. */
class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  below(limit: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % limit;
  }
}
