import { decode, encode, RECURSION_DESIRED } from 'dns-packet';
import { normalizeHost } from '../../../../machines/hosts/host-names.ts';
import { DnsFormatError, headerLength, lastRecord } from './wire.ts';

export type QueryType = 'A' | 'AAAA' | 'CNAME' | 'NS' | 'SOA' | 'TXT';

/** A record of an answer, as far as we read it; names are lower case and without final dot. */
export interface AnswerRecord {
  readonly name: string;
  readonly type: string;
  /** An address, a name, the primary's name of an SOA, or the joined strings of a TXT. */
  readonly data: string;
}

export interface DnsAnswer {
  readonly id: number;
  /** `NOERROR`, `NXDOMAIN`, `REFUSED`, … */
  readonly rcode: string;
  readonly authoritative: boolean;
  /** It did not fit: ask again over TCP. */
  readonly truncated: boolean;
  readonly answers: readonly AnswerRecord[];
  readonly authorities: readonly AnswerRecord[];
}

/** Bytes that an answer over UDP may have (DNS flag day 2020). */
const udpPayload = 1232;

/** How a question is asked. */
export interface QuestionForm {
  /** False: only what the server itself is responsible for. */
  readonly recursive: boolean;
  /** Whether it has an OPT record (RFC 6891), so that larger answers fit. */
  readonly edns: boolean;
}

export function writeQuestion(
  id: number,
  name: string,
  type: QueryType,
  { recursive, edns }: QuestionForm,
): Buffer {
  return encode({
    type: 'query',
    id,
    flags: recursive ? RECURSION_DESIRED : 0,
    questions: [{ type, name, class: 'IN' }],
    additionals: edns
      ? [
          {
            type: 'OPT',
            name: '.',
            udpPayloadSize: udpPayload,
            extendedRcode: 0,
            ednsVersion: 0,
            flags: 0,
            flag_do: false,
            options: [],
          },
        ]
      : [],
  });
}

/**
 * Reads an answer to a question or an update.
 * @throws DnsFormatError
 */
export function readAnswer(message: Buffer): DnsAnswer {
  if (message.length < headerLength || message.readUInt8(2) < 0x80) {
    throw new DnsFormatError('the message is no answer');
  }
  const rcode = message.readUInt8(3) & 15;
  const header = {
    id: message.readUInt16BE(0),
    rcode: rcodeName(rcode),
    authoritative: (message.readUInt8(2) & 4) !== 0,
    truncated: (message.readUInt8(2) & 2) !== 0,
  };
  // The rest of a cut message may not be readable, nor that of a server which has not read ours.
  if (header.truncated || header.rcode === 'FORMERR' || header.rcode === 'NOTIMP')
    return { ...header, answers: [], authorities: [] };
  // dns-packet takes what a cut message has of a text for all of it.
  lastRecord(message);
  try {
    const { answers = [], authorities = [], additionals = [] } = decode(message);
    const extended = additionals.find((record) => record.type === 'OPT')?.extendedRcode ?? 0;
    return {
      ...header,
      rcode: rcodeName(extended * 16 + rcode),
      answers: recordsOf(answers),
      authorities: recordsOf(authorities),
    };
  } catch (error) {
    throw new DnsFormatError('the answer cannot be read', { cause: error });
  }
}

/** RFC 1035 section 4.1.1, RFC 2136 section 2.2. */
const rcodes = [
  'NOERROR',
  'FORMERR',
  'SERVFAIL',
  'NXDOMAIN',
  'NOTIMP',
  'REFUSED',
  'YXDOMAIN',
  'YXRRSET',
  'NXRRSET',
  'NOTAUTH',
  'NOTZONE',
] as const;
/** RFC 6891 section 9. */
const badVersion = 16;

function rcodeName(rcode: number): string {
  return rcode === badVersion ? 'BADVERS' : (rcodes[rcode] ?? `RCODE${rcode}`);
}

type Decoded = NonNullable<ReturnType<typeof decode>['answers']>[number];

function recordsOf(records: readonly Decoded[]): AnswerRecord[] {
  return records.flatMap((record) => {
    const name = nameIn(record.name);
    const data = dataOf(record);
    return name === undefined || data === undefined ? [] : [{ name, type: record.type, data }];
  });
}

function dataOf(record: Decoded): string | undefined {
  switch (record.type) {
    case 'A':
    case 'AAAA':
      return record.data;
    case 'CNAME':
    case 'NS':
      return nameIn(record.data);
    case 'SOA':
      return nameIn(record.data.mname);
    case 'TXT':
      return [record.data].flat().join('');
    default:
      return undefined;
  }
}

/** Undefined for bytes that no host or service name has: such a name could not be asked for, nor shown to anybody. */
function nameIn(text: string): string | undefined {
  return /^[\w.*-]*$/.test(text) ? normalizeHost(text) : undefined;
}
