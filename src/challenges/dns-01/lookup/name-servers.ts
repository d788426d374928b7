import { randomBytes } from 'node:crypto';
import { maxHostLength } from '../../../../machines/hosts/host-names.ts';
import { second } from '../../../../machines/time/durations.ts';
import { isOfOtherProtocol } from '../../../../machines/zones/other-protocols.ts';
import { type Clock, workWithin } from '../../../time/clock.ts';
import { SharedLookups } from '../../../time/shared-lookups.ts';
import { isReachable } from '../../addresses.ts';
import type { AnswerRecord, DnsAnswer, QueryType } from '../message/question.ts';
import { ask, type DnsServer, NoAnswerError, serverText } from './dns-exchange.ts';

/** An authoritative name server with its addresses of both families. */
export interface NameServer {
  readonly name: string;
  readonly addresses: readonly DnsServer[];
}

/** Where the value of a challenge has to stand. */
export interface ChallengeRecord {
  /** Of the TXT record, after CNAMEs; lower case, without final dot. */
  readonly name: string;
  /** The DNS zone that it is in. */
  readonly zone: string;
  /** The primary server that the SOA record names. */
  readonly primary: string;
  readonly nameServers: readonly NameServer[];
  /** The names with a CNAME that lead there, the first one first. */
  readonly via: readonly string[];
  /** The target of a CNAME that is not followed, because a wildcard makes it. */
  readonly synthesised: string | undefined;
}

/** The DNS does not tell where a record has to stand; the message is a sentence. */
export class LookupError extends Error {
  override readonly name = 'LookupError';
  readonly code = 'LookupError';
}

export interface NameServersOptions {
  /** Resolvers that see what the CA sees. */
  readonly resolvers: readonly DnsServer[];
  /** The servers to ask about names below a zone of the operator's, in place of those that the DNS names. */
  readonly serversOf: (name: string) => readonly DnsServer[];
  readonly allowLoopback: boolean;
  readonly clock: Clock;
}

interface Zone {
  readonly zone: string;
  readonly primary: string;
}

const mostHops = 8;
const mostServers = 16;
/** Of each family. */
const mostAddresses = 2;
/** Milliseconds that the name servers of a zone are remembered, so that many hosts at once do not ask for them each. */
const memory = 30 * second;
const mostRemembered = 200;
/** Milliseconds for the name servers of a zone. */
const lookUpLimit = 30 * second;

/** Finds zones and their name servers. Everything throws LookupError or the signal's reason. */
export class NameServers {
  readonly #options: NameServersOptions;
  readonly #known: SharedLookups<NameServer[]>;

  constructor(options: NameServersOptions) {
    this.#options = options;
    this.#known = new SharedLookups({ clock: options.clock, memory, most: mostRemembered });
  }

  /**
   * Where the TXT record for the challenges of a host stands: `_acme-challenge.HOST`, or where CNAMEs lead from there. A CNAME that a
   * wildcard makes for any name is none that somebody has set for us, and a record of our own takes its place.
   * @param host without `*.`
   */
  async challengeRecord(host: string, signal: AbortSignal): Promise<ChallengeRecord> {
    const via: string[] = [];
    let name = `_acme-challenge.${host}`;
    if (name.length > maxHostLength) {
      throw new LookupError(`${name} is longer than a DNS name may be (${maxHostLength} characters).`);
    }
    for (;;) {
      const zone = await this.zoneOf(name, signal);
      const nameServers = await this.nameServersOf(zone.zone, name, signal);
      const target = await this.#cnameAt(name, nameServers, signal);
      const sibling = target === undefined ? undefined : siblingOf(name);
      const isMade = sibling !== undefined && (await this.#cnameAt(sibling, nameServers, signal)) === target;
      if (target === undefined || isMade) {
        if (via.length > 0 && isOfOtherProtocol(name)) {
          throw new LookupError(
            `The CNAMEs from ${via[0] ?? name} lead to ${name}, where records of another protocol than ACME belong.`,
          );
        }
        return { name, ...zone, nameServers, via, synthesised: isMade ? target : undefined };
      }
      via.push(name);
      if (via.includes(target)) throw new LookupError(`The CNAMEs from ${via[0] ?? name} lead in a circle.`);
      if (via.length > mostHops) {
        throw new LookupError(`More than ${mostHops} CNAMEs lead on from _acme-challenge.${host}.`);
      }
      name = target;
    }
  }

  /** The zone cut above a name, by its SOA record (RFC 2308 section 3: it comes with a negative answer as well). */
  async zoneOf(name: string, signal: AbortSignal): Promise<Zone> {
    const labels = name.split('.');
    for (let skipped = 0; skipped < labels.length; skipped += 1) {
      const candidate = labels.slice(skipped).join('.');
      const { answers, authorities } = await this.#resolve(candidate, 'SOA', signal);
      // With a CNAME comes the SOA of the zone where it leads, which may be above this one.
      const isAlias = cnameIn(answers, candidate) !== undefined;
      const soa = [...answers, ...authorities].find(
        (record) => record.type === 'SOA' && !isAlias && isWithin(candidate, record.name),
      );
      if (soa !== undefined && soa.name !== '') return { zone: soa.name, primary: soa.data };
    }
    throw new LookupError(`The DNS has no zone for ${name}.`);
  }

  /** The authoritative servers of a zone. @param name within it */
  nameServersOf(zone: string, name: string, signal: AbortSignal): Promise<NameServer[]> {
    const given = this.#options.serversOf(name);
    if (given.length > 0) {
      return Promise.resolve(given.map((server) => ({ name: serverText(server), addresses: [server] })));
    }
    return this.#known.get(zone, () => this.#lookUpWithin(zone), signal);
  }

  /** The addresses of a host, such as the primary of a zone; those of one family if only the other one cannot be looked up. */
  async addressesOf(host: string, port: number, signal: AbortSignal): Promise<DnsServer[]> {
    const families = await Promise.allSettled(
      (['A', 'AAAA'] as const).map(async (type) => {
        const { answers } = await this.#resolve(host, type, signal);
        return answers.flatMap((record) => (record.type === type ? record.data : [])).slice(0, mostAddresses);
      }),
    );
    signal.throwIfAborted();
    const found = families.flatMap((outcome) => (outcome.status === 'fulfilled' ? outcome.value : []));
    const failure = families.find((outcome) => outcome.status === 'rejected');
    if (found.length === 0 && failure !== undefined) throw failure.reason;
    const { allowLoopback } = this.#options;
    return found
      .filter((address) => isReachable(address, allowLoopback))
      .map((address) => ({ address, port }));
  }

  #lookUpWithin(zone: string): Promise<NameServer[]> {
    const words = `The name servers of zone ${zone} could not be looked up within ${lookUpLimit / second} s.`;
    const reason = (): LookupError => new LookupError(words);
    return workWithin(this.#options.clock, lookUpLimit, reason, (signal) => this.#lookUp(zone, signal));
  }

  async #lookUp(zone: string, signal: AbortSignal): Promise<NameServer[]> {
    const { answers } = await this.#resolve(zone, 'NS', signal);
    const names = [...new Set(answers.flatMap(({ type, data }) => (type === 'NS' ? data : [])))];
    const servers = await Promise.all(
      names
        .slice(0, mostServers)
        .map(async (name) => ({ name, addresses: await this.#usableAddresses(name, signal) })),
    );
    const reachable = servers.filter(({ addresses }) => addresses.length > 0);
    if (reachable.length > 0) return reachable;
    throw new LookupError(
      names.length === 0
        ? `The DNS names no name server of zone ${zone}.`
        : `No name server of zone ${zone} (${names.slice(0, mostServers).join(', ')}) has a usable address.`,
    );
  }

  /** None if they cannot be looked up: there are other name servers. */
  async #usableAddresses(name: string, signal: AbortSignal): Promise<DnsServer[]> {
    try {
      return await this.addressesOf(name, 53, signal);
    } catch (error) {
      if (error instanceof LookupError) return [];
      throw error;
    }
  }

  /** The target of the CNAME at exactly this name, by its own servers. */
  async #cnameAt(
    name: string,
    nameServers: readonly NameServer[],
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const servers = nameServers.flatMap(({ addresses }) => addresses);
    const { answers } = await this.#askAny(servers, name, 'CNAME', false, signal);
    return cnameIn(answers, name);
  }

  #resolve(name: string, type: QueryType, signal: AbortSignal): Promise<DnsAnswer> {
    const given = this.#options.serversOf(name);
    return given.length > 0
      ? this.#askAny(given, name, type, false, signal)
      : this.#askAny(this.#options.resolvers, name, type, true, signal);
  }

  /** Asks one after the other until one knows. */
  async #askAny(
    servers: readonly DnsServer[],
    name: string,
    type: QueryType,
    recursive: boolean,
    signal: AbortSignal,
  ): Promise<DnsAnswer> {
    const troubles: string[] = [];
    for (const server of servers) {
      try {
        const answer = await ask(server, name, type, { recursive }, signal);
        const isAnswer = answer.rcode === 'NOERROR' || answer.rcode === 'NXDOMAIN';
        if (isAnswer && (recursive || answer.authoritative)) return answer;
        troubles.push(
          `${serverText(server)} ${isAnswer ? 'is not responsible for the zone' : `answers ${answer.rcode}`}`,
        );
      } catch (error) {
        if (!(error instanceof NoAnswerError)) throw error;
        troubles.push(`${serverText(server)} ${error.message}`);
      }
    }
    const why = troubles.length === 0 ? 'there is no DNS server to ask' : troubles.join(', ');
    throw new LookupError(`The ${type} record of ${name} cannot be looked up: ${why}.`);
  }
}

function cnameIn(answers: readonly AnswerRecord[], name: string): string | undefined {
  return answers.find((record) => record.type === 'CNAME' && record.name === name)?.data;
}

/** A name beside this one that nobody has set. */
function siblingOf(name: string): string {
  return `_${randomBytes(10).toString('hex')}${name.slice(name.indexOf('.'))}`;
}

function isWithin(name: string, zone: string): boolean {
  return name === zone || name.endsWith(`.${zone}`);
}
