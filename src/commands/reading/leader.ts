import { sentences } from '../../../machines/reasons/sentences.ts';
import { minute } from '../../../machines/time/durations.ts';
import type { KubernetesClient } from '../../kubernetes/client/client.ts';
import { isForbidden } from '../../kubernetes/client/kubernetes-error.ts';
import { KubernetesLease } from '../../kubernetes/records/lease-record.ts';
import type { LeaseState } from '../../leadership/leader-election.ts';
import { type Check, isoTime } from '../explain/explanation.ts';
import { printable } from '../terminal-text.ts';

/** Which process acts, by its Lease, `namespace/name`. Times in RFC 3339, by the clock of that process. */
export type Leader = { readonly lease: string } & (
  | {
      readonly state: 'leads' | 'not-renewed';
      readonly pod: string;
      readonly since: string;
      readonly renewed: string;
    }
  | { readonly state: 'nobody' | 'unknown' }
);

/** Milliseconds: the clocks may differ, and the next process needs a moment. */
const tolerance = minute;

/**
 * @param namespace of kube-lego
 * @param now milliseconds since the epoch
 * @returns `unknown` if the Lease may not be read here
 * @throws KubernetesError
 */
export async function readLeader(
  client: Pick<KubernetesClient, 'call'>,
  namespace: string,
  now: number,
  signal: AbortSignal,
): Promise<Leader> {
  const store = new KubernetesLease(client, namespace);
  try {
    return leaderOf(store.name, await store.read(signal), now);
  } catch (error) {
    if (!isForbidden(error)) throw error;
    return { lease: store.name, state: 'unknown' };
  }
}

/** @param found undefined: there is no Lease */
export function leaderOf(
  lease: string,
  found: Pick<LeaseState, 'holder' | 'acquiredAt' | 'renewedAt' | 'duration'> | undefined,
  now: number,
): Leader {
  if (found === undefined || found.holder === '') return { lease, state: 'nobody' };
  const { holder: pod, acquiredAt, renewedAt, duration } = found;
  const state = now > renewedAt + duration + tolerance ? 'not-renewed' : 'leads';
  return { lease, state, pod, since: isoTime(acquiredAt), renewed: isoTime(renewedAt) };
}

/** Whether it is known that no process acts. */
export function isLeaderless({ state }: Leader): boolean {
  return state === 'nobody' || state === 'not-renewed';
}

/** The same as a check. */
export function leaderCheck(leader: Leader): Check {
  const about = 'leader';
  const { lease } = leader;
  const [namespace = ''] = lease.split('/');
  const remedy =
    `See whether kube-lego runs (kubectl get pods -n ${namespace}); ` +
    'its log and /readyz say what keeps it from leading.';
  switch (leader.state) {
    case 'leads':
      return { about, result: 'ok', text: `${leader.pod} leads since ${leader.since}.` };
    case 'not-renewed': {
      const { pod, since, renewed } = leader;
      const text = `${pod} led since ${since}, but has not renewed Lease ${lease} since ${renewed}: nobody acts.`;
      return { about, result: 'problem', text, remedy };
    }
    case 'nobody':
      return { about, result: 'problem', text: `Nobody leads, by Lease ${lease}, so nobody acts.`, remedy };
    case 'unknown':
      return {
        about,
        result: 'unknown',
        text: `Who leads is not known: Lease ${lease} may not be read here.`,
      };
    default:
      return leader satisfies never;
  }
}

/** The same as a line. */
export function leaderText(leader: Leader): string {
  const { text, remedy = '' } = leaderCheck(leader);
  return printable(sentences(text, remedy));
}
