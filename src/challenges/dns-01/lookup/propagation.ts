import { StepError } from '../../../../machines/reasons/step-error.ts';
import { minute, second } from '../../../../machines/time/durations.ts';
import { doubledPause } from '../../../../machines/time/ladder.ts';
import { type Clock, sleep } from '../../../time/clock.ts';
import { ask, type DnsServer, NoAnswerError, serverText } from './dns-exchange.ts';
import type { ChallengeRecord } from './name-servers.ts';

/** What one address of a name server says of the record. */
export interface ServerAnswer {
  /** `ns1.shop.example (192.0.2.1)`. */
  readonly server: string;
  /** `silent`: it does not answer; `no-way`: this pod has no route of that address family. */
  readonly state: 'has' | 'has-not' | 'wrong' | 'silent' | 'no-way';
  /** Of `wrong` and `silent`, the end of a sentence. */
  readonly detail?: string;
}

export interface PropagationOptions {
  readonly clock: Clock;
  /** Milliseconds, `LEGO_DNS_PROPAGATION_TIMEOUT`. */
  readonly timeLimit: number;
  /** Whether each server has the value, or none of them has it. */
  readonly wanted: 'present' | 'absent';
  readonly onAnswers?: (answers: readonly ServerAnswer[]) => void;
  /**
   * A server had the value, and none has it any more: another client of the zone has removed it. Called as well, a few times, if the value
   * does not come, or does not come back: it may have been removed before anybody looked. Awaited.
   */
  readonly onVanished?: () => Promise<void>;
}

/** Milliseconds between two rounds of questions. */
const pauses = { shortest: 0.5 * second, longest: 5 * second };
/** Milliseconds and questions after which a server that never answers for the zone is no longer waited for, if others do. */
const patience = 15 * second;
const leastQuestions = 3;
/** Times that a value is added again: who removes it as often does not stop by itself. */
const mostRepairs = 8;
/** Milliseconds that a value has to come back in before it is added once more, doubled each time: the DNS behind a provider may be slow. */
const repairPauses = { shortest: 5 * second, longest: minute };
/** Milliseconds after which a value that nobody has seen is added once more: before, the way to the name servers may just be slow. */
const unseenPause = minute;

/**
 * Asks every authoritative server, over both address families, until all have the value (or none). A server that never answers, or that
 * the parent zone names and that has not the zone (lame), is out of order for the CA, too: it goes on to the next one.
 *
 * @returns what they said last, and whether that is as wanted; false at the time limit
 * @throws the signal's reason, or what `onVanished` throws if the value had been seen
 */
export async function awaitPropagation(
  { name, nameServers }: Pick<ChallengeRecord, 'name' | 'nameServers'>,
  value: string,
  { clock, timeLimit, wanted, onAnswers, onVanished }: PropagationOptions,
  signal: AbortSignal,
): Promise<{ readonly done: boolean; readonly answers: readonly ServerAnswer[] }> {
  const begun = clock.monotonic();
  const servers = nameServers.flatMap((server) =>
    server.addresses.map((address) => ({ address, label: labelOf(server.name, address) })),
  );
  const everServed = new Set<string>();
  let pause = pauses.shortest;
  /** Since it was last added. */
  let wasThere = false;
  let wasEverThere = false;
  let repairs = 0;
  let repairedAt = begun;
  for (let questions = 1; ; questions += 1) {
    const answers = await Promise.all(
      servers.map(async ({ address, label }) => ({
        server: label,
        ...(await look(address, name, value, signal)),
      })),
    );
    onAnswers?.(answers);
    for (const { server, state } of answers)
      if (state === 'has' || state === 'has-not') everServed.add(server);
    const elapsed = clock.monotonic() - begun;
    const isPatient = elapsed < Math.min(patience, timeLimit) || questions < leastQuestions;
    const counted = answers.filter(
      ({ server, state }) => state !== 'no-way' && (isPatient || everServed.has(server)),
    );
    const good = wanted === 'present' ? 'has' : 'has-not';
    if (counted.length > 0 && counted.every(({ state }) => state === good)) return { done: true, answers };
    if (elapsed >= timeLimit) return { done: false, answers };
    const isThere = answers.some(({ state }) => state === 'has');
    wasThere ||= isThere;
    wasEverThere ||= isThere;
    const isMissing = !isThere && answers.some(({ state }) => state === 'has-not');
    const isLate = clock.monotonic() - repairedAt >= (wasEverThere ? repairPause(repairs) : unseenPause);
    if (isMissing && (wasThere || isLate) && repairs < mostRepairs) {
      try {
        await onVanished?.();
      } catch (error) {
        // Where nobody has seen it, it may be on its way, and a script behind the provider may refuse what it has added already.
        if (wasEverThere || !(error instanceof StepError)) throw error;
      }
      repairs += 1;
      repairedAt = clock.monotonic();
      wasThere = false;
    }
    await sleep(clock, Math.min(pause, timeLimit - elapsed), signal);
    pause = Math.min(pause * 2, pauses.longest);
  }
}

function repairPause(repairs: number): number {
  return doubledPause(repairPauses.shortest, repairPauses.longest, repairs);
}

/** Those that do not have the value, in words. */
export function laggards(answers: readonly ServerAnswer[]): string {
  const late = answers.filter(({ state }) => state !== 'has');
  const counted = late.filter(({ state }) => state !== 'no-way');
  return (counted.length > 0 ? counted : late).slice(0, 5).map(answerText).join(', ');
}

/** Every server with what it says. */
export function answersText(answers: readonly ServerAnswer[]): string {
  return answers.slice(0, 10).map(answerText).join(', ');
}

const words = { has: 'has it', 'has-not': 'does not have it', 'no-way': 'cannot be reached from this pod' };

function answerText({ server, state, detail = '' }: ServerAnswer): string {
  return `${server} ${state === 'wrong' || state === 'silent' ? detail : words[state]}`;
}

async function look(
  address: DnsServer,
  name: string,
  value: string,
  signal: AbortSignal,
): Promise<Omit<ServerAnswer, 'server'>> {
  try {
    const { rcode, authoritative, answers } = await ask(address, name, 'TXT', { recursive: false }, signal);
    if (rcode !== 'NOERROR' && rcode !== 'NXDOMAIN') return { state: 'wrong', detail: `answers ${rcode}` };
    const has = answers.some(
      (record) => record.type === 'TXT' && record.name === name && record.data === value,
    );
    if (has) return { state: 'has' };
    return authoritative
      ? { state: 'has-not' }
      : { state: 'wrong', detail: 'is not responsible for the zone' };
  } catch (error) {
    if (!(error instanceof NoAnswerError)) throw error;
    return { state: isNoWay(error) ? 'no-way' : 'silent', detail: error.message };
  }
}

/** A pod without IPv6 (or IPv4) cannot tell what servers say there. */
function isNoWay({ cause }: NoAnswerError): boolean {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return code === 'ENETUNREACH' || code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT';
}

function labelOf(name: string, address: DnsServer): string {
  const text = serverText(address);
  return name === text ? text : `${name} (${text})`;
}
