/*
 * DNS-01 (RFC 8555 section 8.4): a TXT record below the host proves it, by which a wildcard can be proven, too. Before the order it is
 * found out which zone and name servers have the record, and whether it can be written; then the value is added, and the CA is asked when
 * every authoritative server has it. Loaded only if the operator has named DNS zones.
 */
import pLimit, { type LimitFunction } from 'p-limit';
import { StepError } from '../../../machines/reasons/step-error.ts';
import { second } from '../../../machines/time/durations.ts';
import type { DnsReport } from '../../../machines/zones/dns-report.ts';
import type { OfferedChallenge } from '../../acme/order/authorization.ts';
import type { Clock } from '../../time/clock.ts';
import type { ChallengeSolver, HostVerdict, Preparation, PreparationReport } from '../challenge-solver.ts';
import { answersText, awaitPropagation, laggards } from './lookup/propagation.ts';
import { valueOf } from './presented-values.ts';
import { ProviderError } from './providers/provider.ts';
import type { ValueKeeper } from './value-keeper.ts';
import { type Placement, PlacementError, placeHost, type ZonePlacementOptions } from './zone-placement.ts';

export interface Dns01Options {
  readonly placement: () => ZonePlacementOptions;
  readonly keeper: Pick<ValueKeeper, 'ready' | 'add' | 'release'>;
  readonly clock: Clock;
  /** Milliseconds, `LEGO_DNS_PROPAGATION_TIMEOUT`. */
  readonly propagationTimeout: number;
  readonly onReport: (round: string, report: PreparationReport) => void;
  readonly onDnsReport: (report: DnsReport) => void;
}

/** Hosts of a namespace whose records are looked up at a time: silent name servers of one hold up no other. */
const lookedUp = 20;

export class Dns01Solver implements ChallengeSolver {
  readonly type = 'dns-01';
  readonly spreads = true;
  readonly #options: Dns01Options;
  /** By round, then by host. */
  readonly #placements = new Map<string, Map<string, Placement>>();
  /** By namespace, while it has any. */
  readonly #turns = new Map<string, LimitFunction>();

  constructor(options: Dns01Options) {
    this.#options = options;
  }

  async prepare(
    { round, namespace, hosts }: Preparation,
    signal: AbortSignal,
  ): Promise<readonly HostVerdict[]> {
    const placements = new Map<string, Placement>();
    this.#placements.set(round, placements);
    await this.#options.keeper.ready(signal);
    const turns = this.#turns.get(namespace) ?? pLimit(lookedUp);
    this.#turns.set(namespace, turns);
    const verdicts = await Promise.all(
      hosts.map(({ host }) =>
        turns(async (): Promise<HostVerdict> => {
          signal.throwIfAborted();
          this.#report(round, host, 'dns', 'running');
          try {
            const placement = await placeHost(this.#options.placement(), namespace, host, signal);
            placements.set(host, placement);
            this.#report(round, host, 'dns', 'done', describePlacement(placement));
            return { host, kind: 'provable', notice: noticeAbout(host, placement) };
          } catch (error) {
            if (!(error instanceof PlacementError)) throw error;
            const { code, message, remedy } = error;
            this.#report(round, host, 'dns', 'failed', message);
            return { host, kind: 'not-provable', code, message, remedy };
          }
        }),
      ),
    ).finally(() => {
      if (turns.activeCount + turns.pendingCount === 0) this.#turns.delete(namespace);
    });
    return verdicts.map((verdict) => this.#withinRoom(round, placements, verdict));
  }

  async present(
    round: string,
    { host: bare, wildcard, keyAuthorization }: OfferedChallenge,
    signal: AbortSignal,
  ): Promise<void> {
    const host = wildcard ? `*.${bare}` : bare;
    const placements = [...(this.#placements.get(round) ?? [])];
    const placement = placements.find(([its]) => its === host)?.[1];
    if (placement === undefined) {
      throw new StepError({ code: 'OrderUnfinished', message: `Host ${host} is prepared again.`, host });
    }
    const { record, zone } = placement;
    const value = valueOf(keyAuthorization);
    this.#report(round, host, 'record', 'running');
    const presented = { domain: zone.domain, host: bare, record, value, keyAuthorization };
    const alone = placements.flatMap(([, its]) => (its.room === undefined ? [] : its.record.name));
    const add = async (): Promise<void> => {
      try {
        await this.#options.keeper.add(round, presented, alone, signal);
      } catch (error) {
        if (!(error instanceof ProviderError)) throw error;
        this.#report(round, host, 'record', 'failed', error.message);
        throw updateFailed(host, error);
      }
    };
    await add();
    await this.#seen(round, host, placement, { value, add }, signal);
  }

  cleanUp(round: string): void {
    this.#placements.delete(round);
    this.#options.keeper.release(round);
  }

  canJudge(): boolean {
    return false;
  }

  /** @throws StepError that names the name server that is behind */
  async #seen(
    round: string,
    host: string,
    { record, zone }: Placement,
    { value, add }: { readonly value: string; readonly add: () => Promise<void> },
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, propagationTimeout: timeLimit, onDnsReport } = this.#options;
    const begun = clock.monotonic();
    const { done, answers } = await awaitPropagation(
      record,
      value,
      {
        clock,
        timeLimit,
        wanted: 'present',
        // Some clients, such as lego, remove all values of a record before they add theirs.
        onVanished: add,
        onAnswers: (seen) => this.#report(round, host, 'record', 'running', answersText(seen)),
      },
      signal,
    );
    const duration = clock.monotonic() - begun;
    onDnsReport({ type: 'VALUE_SPREAD', provider: zone.provider, everywhere: done, duration });
    if (done) {
      this.#report(round, host, 'record', 'done', `${record.name}: ${answersText(answers)}`);
      return;
    }
    const nobody = answers.every(({ state }) => state !== 'has');
    const flags =
      nobody && zone.provider === 'external-dns'
        ? ' external-dns may lack --source=crd, --policy=sync, or TXT among --managed-record-types.'
        : '';
    const message = `The TXT record ${record.name} is not at every name server of zone ${record.zone} after ${Math.round(timeLimit / second)} s: ${laggards(answers)}.${flags}`;
    this.#report(round, host, 'record', 'failed', message);
    throw new StepError({ code: 'DnsPropagation', message, host });
  }

  #withinRoom(round: string, placements: ReadonlyMap<string, Placement>, verdict: HostVerdict): HostVerdict {
    const { host } = verdict;
    const { record, room } = placements.get(host) ?? {};
    if (record === undefined || room === undefined) return verdict;
    const sharing = [...placements.values()].filter((other) => other.record.name === record.name).length;
    if (sharing <= room) return verdict;
    const message = `Host ${host}: the record ${record.name} has room for ${room} values, and ${sharing} hosts of the certificate lead to it.`;
    const remedy = 'One acme-dns account is enough for a host and its wildcard: give the others their own.';
    this.#report(round, host, 'dns', 'failed', message);
    return { host, kind: 'not-provable', code: 'DnsNotWritable', message, remedy };
  }

  #report(
    round: string,
    host: string,
    step: PreparationReport['step'],
    state: PreparationReport['state'],
    detail?: string,
  ): void {
    this.#options.onReport(round, { host, step, state, detail });
  }
}

function updateFailed(host: string, error: ProviderError): StepError {
  const { code, message, remedy } = error;
  return new StepError(
    {
      // An outage is not the certificate's own failure, and its order goes on.
      code: code === 'unreachable' ? 'DnsUnavailable' : 'DnsUpdateFailed',
      message: `Host ${host}: ${message}${remedy === undefined ? '' : ` ${remedy}`}`,
      host,
      ...(remedy === undefined ? {} : { namesRemedy: true }),
    },
    { cause: error },
  );
}

function describePlacement({ record }: Placement): string {
  const servers = record.nameServers.map(({ name }) => name).join(', ');
  const way = record.via.length === 0 ? '' : ` (by CNAME from ${record.via.join(', ')})`;
  return `${record.name} TXT${way} in zone ${record.zone} at ${servers}`;
}

function noticeAbout(host: string, { record }: Placement): string | undefined {
  if (record.synthesised === undefined) return undefined;
  return `A wildcard CNAME to ${record.synthesised} answers for _acme-challenge of ${host}; it is not followed, because nobody has set it for the challenge.`;
}
