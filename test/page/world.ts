import { parseSourceKey, sourceKey } from '../../machines/ownership/source-key.ts';
import type {
  HostProgress,
  IngressDetail,
  IngressRow,
  Snapshot,
  SupervisorView,
} from '../../src/inspector/protocol.ts';
import { stepsOf } from '../../src/inspector/protocol.ts';

const minute = 60_000;
const day = 24 * 60 * minute;

export const noWork: SupervisorView = {
  synced: true,
  draining: false,
  queue: { waiting: 0, held: 0, admitted: 0, awaitingSlot: 0, lent: 0, ordering: 0 },
  permits: [
    { name: 'hosts', used: 0, limit: 500 },
    { name: 'orders', used: 0, limit: 10 },
  ],
  blocks: [],
  blockCount: 0,
  budgets: [],
  budgetCount: 0,
  renewals: [],
};

export function snapshotOf(ingresses: readonly IngressRow[], supervisor = noWork): Snapshot {
  const now = Date.now();
  const pod = 'kube-lego-7d9f4b6c5-x2kfp';
  const annotation = 'kubernetes.io/tls-acme';
  return {
    version: 1,
    controller: { version: '1.0.0-alpha.1', startedAt: now - 3 * day, now, pod, annotation },
    ingresses,
    supervisor,
  };
}

export function rowOf(path: string, row: Partial<IngressRow> = {}): IngressRow {
  const [namespace = '', name = ''] = path.split('/');
  const key = sourceKey({ kind: 'Ingress', namespace, name });
  const at = Date.now();
  return {
    key,
    uid: `uid-of-${key}`,
    state: 'idle',
    since: at - 40 * minute,
    hosts: [`${name}.${namespace}.example.com`],
    next: { action: `renew ${name}-tls`, at: at + 41 * day },
    ...row,
  };
}

/** How far a host has come: all before `reached` is done, and `reached` is in this state. */
export function progressOf(
  host: string,
  reached: HostProgress['steps'][number]['step'] | 'end',
  state: HostProgress['steps'][number]['state'] = 'running',
  detail?: string,
): HostProgress {
  const all = stepsOf('http-01');
  const index = reached === 'end' ? all.length : all.indexOf(reached);
  const steps = all.map((step, place) => {
    if (place < index) return { step, state: 'done' as const, at: Date.now() - (index - place) * 1000 };
    if (place > index) return { step, state: 'waiting' as const };
    return { step, state, at: Date.now(), ...(detail === undefined ? {} : { detail }) };
  });
  return { host, steps };
}

export function detailOf(row: IngressRow, detail: Partial<IngressDetail> = {}): IngressDetail {
  const { state, since } = row;
  const states = state === 'idle' ? (['checking', 'idle'] as const) : (['checking', state] as const);
  const { name } = parseSourceKey(row.key);
  return {
    row,
    certificates: [
      {
        secret: `${name}-tls`,
        state: 'good',
        notAfter: since + 71 * day,
        renewAt: since + 41 * day,
        hosts: row.hosts.map((host) => progressOf(host, 'end')),
        failures: 0,
      },
    ],
    timeline: [
      { at: since - 800, kind: 'event', text: 'WAKE' },
      { at: since - 700, kind: 'transition', text: 'idle → checking' },
      { at: since, kind: 'transition', text: `checking → ${state}` },
    ],
    path: states.map((name, index) => ({ state: name, at: since - 700 * (states.length - 1 - index) })),
    ...detail,
  };
}

const namespaces = ['shop', 'blog', 'payments', 'search', 'accounts', 'media', 'internal', 'partners'];
const services = ['web', 'api', 'static', 'admin', 'docs', 'status', 'login', 'images', 'feed', 'checkout'];

/** As many names of Ingresses as are asked for, the same each time: `namespace/name`. */
export function namesOf(count: number): string[] {
  return Array.from({ length: count }, (_, index) => {
    const namespace = namespaces[index % namespaces.length] ?? '';
    const service = services[Math.floor(index / namespaces.length) % services.length] ?? '';
    const number = Math.floor(index / (namespaces.length * services.length));
    const name = number === 0 ? service : `${service}-${number}`;
    return `${namespace}/${name}`;
  });
}

/** As many Ingresses as are asked for; most are idle, and some of each state are among them. */
export function manyRows(count: number): IngressRow[] {
  return namesOf(count).map(rowInSomeState);
}

function rowInSomeState(key: string, index: number): IngressRow {
  const at = Date.now();
  const spread = ((index * 7919) % 10_007) / 10_007;
  const since = at - Math.floor(spread * 20 * day);
  const recent = at - Math.floor(spread * 40_000);
  const name = key.slice(key.indexOf('/') + 1);
  const base = rowOf(key, {
    since,
    next: { action: `renew ${name}-tls`, at: at + Math.floor(spread * 60 * day) },
  });
  const working = (state: 'queued' | 'provisioning-challenge' | 'validating' | 'storing', action: string) =>
    rowOf(key, { state, since: recent, next: { action } });
  switch (index % 41) {
    case 3:
      return rowOf(key, { state: 'checking', since: recent, next: { action: 'read the Secrets' } });
    case 9:
      return working('queued', 'wait for admission');
    case 14:
      return working('provisioning-challenge', 'run the self-check');
    case 20:
      return working('validating', 'validate the hosts at the CA');
    case 27:
      return working('storing', 'write the Secret');
    case 33:
      return rowOf(key, {
        state: 'backing-off',
        since: at - Math.floor(spread * 90 * minute),
        next: { action: `retry ${name}-tls`, at: at + Math.floor(spread * 100 * minute) },
        error: {
          code: 'SelfCheckFailed',
          message:
            'The challenge path answers 404 from another server. Point the DNS of the host to this cluster.',
        },
      });
    case 12:
    case 30:
      return { ...base, hosts: [...base.hosts, `www.${base.hosts[0] ?? ''}`, `m.${base.hosts[0] ?? ''}`] };
    default:
      return base;
  }
}
