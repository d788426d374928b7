import {
  type DnsServer,
  exchangeMessage,
  NoAnswerError,
  randomId,
  readAnswerOf,
  serverText,
} from '../lookup/dns-exchange.ts';
import { signRequest, TsigError, type TsigKey, verifyAnswer } from '../message/tsig.ts';
import { type TxtChange, writeUpdate } from '../message/update.ts';
import { DnsFormatError } from '../message/wire.ts';
import { type ChallengeValue, type DnsProvider, ProviderError } from './provider.ts';

export interface Rfc2136Options {
  readonly key: TsigKey;
  /** The servers to send updates to, one after the other; those of the zone's SOA record if it is empty. */
  readonly servers: (record: ChallengeValue['record'], signal: AbortSignal) => Promise<readonly DnsServer[]>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Whether an update may be sent now, asked when each is sent; it may if not given. */
  readonly mayWrite?: (() => boolean) | undefined;
}

/** Seconds: nobody shall remember the value longer. */
const ttl = 10;

/** Dynamic updates (RFC 2136) with TSIG (RFC 8945): BIND, Knot, PowerDNS, Windows DNS with a key. */
export class Rfc2136Provider implements DnsProvider {
  readonly #options: Rfc2136Options;

  constructor(options: Rfc2136Options) {
    this.#options = options;
  }

  /** An update without changes: the server judges key, time and zone all the same. */
  check(record: ChallengeValue['record'], signal: AbortSignal): Promise<void> {
    return this.#update(record, [], signal);
  }

  add({ record, value }: ChallengeValue, signal: AbortSignal): Promise<void> {
    return this.#update(record, [{ action: 'add', name: record.name, ttl, value }], signal);
  }

  remove({ record, value }: ChallengeValue, signal: AbortSignal): Promise<void> {
    return this.#update(record, [{ action: 'remove', name: record.name, ttl, value }], signal);
  }

  async #update(
    record: ChallengeValue['record'],
    changes: readonly TxtChange[],
    signal: AbortSignal,
  ): Promise<void> {
    const servers = await this.#options.servers(record, signal);
    const troubles: string[] = [];
    for (const server of servers) {
      try {
        return await this.#send(server, record, changes, signal);
      } catch (error) {
        if (!(error instanceof NoAnswerError)) throw error;
        troubles.push(`${serverText(server)} ${error.message}`);
      }
    }
    const why = troubles.length === 0 ? `${record.primary} has no usable address` : troubles.join(', ');
    throw new ProviderError(
      'unreachable',
      `Zone ${record.zone} cannot be updated: ${why}.`,
      'Let kube-lego reach the primary name server on port 53 over UDP and TCP, or name another one as server of the zone.',
    );
  }

  async #send(
    server: DnsServer,
    { zone }: ChallengeValue['record'],
    changes: readonly TxtChange[],
    signal: AbortSignal,
  ): Promise<void> {
    const { key, mayWrite, now } = this.#options;
    const request = signRequest(writeUpdate(randomId(), zone, changes), key, now() / 1000);
    const bytes = await exchangeMessage(server, request.message, signal, mayWrite);
    const { rcode } = readAnswerOf(bytes);
    const refusal = (words: string, remedy: string): ProviderError =>
      new ProviderError(
        'refused',
        `${serverText(server)} refuses updates of zone ${zone}: ${words}.`,
        remedy,
      );
    try {
      verifyAnswer(bytes, key, request.mac, now() / 1000);
    } catch (error) {
      // Whether it is a refusal does not depend on who says it; success does. Who cannot read an update may send its header back alone.
      const isUnsigned =
        error instanceof DnsFormatError || (error instanceof TsigError && error.code === 'unsigned');
      if (!isUnsigned || rcode === 'NOERROR') throw refusal(...explainTsig(error, key));
    }
    if (rcode === 'NOERROR') return;
    if (rcode === 'SERVFAIL') {
      throw new ProviderError(
        'unreachable',
        `${serverText(server)} cannot update zone ${zone} now: SERVFAIL.`,
      );
    }
    throw refusal(rcode, remedies[rcode] ?? 'See the log of the name server.');
  }
}

const remedies: Readonly<Partial<Record<string, string>>> = {
  REFUSED:
    "Allow this key to update TXT records of the zone: BIND's update-policy or allow-update, Knot's acl, PowerDNS's TSIG-ALLOW-DNSUPDATE.",
  NOTAUTH: 'Send updates to the primary server of this zone (server), and configure the key there.',
  NOTZONE:
    'The name is not in the zone that the server has: check the zone cut, and that updates go to the right server.',
  NOTIMP: 'This server takes no updates: name another one (server), or use another provider.',
};

function explainTsig(error: unknown, { name, algorithm }: TsigKey): [words: string, remedy: string] {
  if (!(error instanceof TsigError)) return ['its answer cannot be read', 'See the log of the name server.'];
  switch (error.code) {
    case 'BADKEY':
      return [
        `it does not know the key ${name} (BADKEY)`,
        `Configure the key ${name} with ${algorithm} at the server, or correct tsig-key and tsig-algorithm of the zone.`,
      ];
    case 'BADSIG':
      return [
        `the signature with the key ${name} is wrong (BADSIG)`,
        'The secret here and at the server differ: correct tsig-secret in the Secret of the zone.',
      ];
    case 'BADTIME': {
      const by = error.ahead === undefined ? '' : ` by ${Math.abs(Math.round(error.ahead))} s`;
      return [`its clock and ours differ${by} (BADTIME)`, 'Set both clocks right.'];
    }
    case 'unsigned':
      return ["its answer is not signed, so it may be anybody's", 'Configure the key at the server.'];
    default:
      return [error.message, 'See the log of the name server.'];
  }
}
