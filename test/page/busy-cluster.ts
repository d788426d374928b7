import type { IngressDetail, Snapshot } from '../../src/inspector/protocol.ts';
import { detailOf, manyRows, noWork, progressOf, rowOf, snapshotOf } from './world.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/** A busy cluster, made up. */
export function showcase(): Snapshot {
  const now = Date.now();
  const today = Math.floor(now / day) * day;
  const rows = manyRows(2400).filter(({ key }) => ![issuance().row.key, trouble().row.key].includes(key));
  return snapshotOf([...rows, issuance().row, trouble().row], {
    ...noWork,
    queue: { waiting: 42, held: 17, admitted: 12, awaitingSlot: 3, lent: 2, ordering: 8 },
    permits: [
      { name: 'hosts', used: 131, limit: 500 },
      { name: 'orders', used: 8, limit: 10 },
    ],
    blocks: [
      { cause: 'paused until the owner lifts it', scope: 'old.partners.example.com', until: now + 7 * day },
      {
        cause: 'limit of failed validations of a host',
        scope: 'admin.media.example.com',
        until: now + 34 * minute,
      },
    ],
    budgets: [
      {
        limit: 'certificates-per-registered-domain',
        scope: 'registered domain example.com',
        level: 7,
        capacity: 50,
        reserved: 10,
        nextFirst: now + 13 * hour,
        nextRenewal: now,
      },
      {
        limit: 'authorization-failures',
        scope: 'admin.media.example.com',
        level: 2,
        capacity: 5,
        reserved: 0,
        nextFirst: now,
        nextRenewal: now,
      },
      {
        limit: 'certificates-per-exact-set',
        scope: 'www.shop.example.com and 2 more',
        level: 3,
        capacity: 5,
        reserved: 1,
        nextFirst: now,
        nextRenewal: now,
      },
      {
        limit: 'orders-per-account',
        scope: 'the account',
        level: 258,
        capacity: 300,
        reserved: 60,
        nextFirst: now,
        nextRenewal: now,
      },
    ],
    renewals: Array.from({ length: 90 }, (_, index) => ({
      day: today + index * day,
      count: Math.max(0, Math.round(26 + 22 * Math.sin(index / 9) + ((index * 37) % 17) - 8)),
    })).filter(({ count }) => count > 0),
  });
}

/** One that is being validated. */
export function issuance(): IngressDetail {
  const now = Date.now();
  const hosts = ['shop.example.com', 'www.shop.example.com', 'm.shop.example.com'];
  const row = rowOf('shop/storefront', {
    state: 'validating',
    since: now - 7000,
    hosts,
    next: { action: 'validate the hosts at the CA' },
  });
  const steps = [
    [14_000, 'event', 'WAKE'],
    [13_990, 'transition', 'idle → checking'],
    [13_400, 'event', 'storefront-tls: due for renewal, the CA asks for it'],
    [13_390, 'transition', 'checking → queued'],
    [13_200, 'event', 'ADMITTED'],
    [13_190, 'transition', 'queued → provisioning-challenge'],
    [10_100, 'event', 'challenge Ingress has shop.example.com and 2 more'],
    [7010, 'event', 'SLOT_GRANTED'],
    [7000, 'transition', 'provisioning-challenge → validating'],
    [5200, 'event', 'order created, 3 authorizations'],
    [2100, 'event', 'shop.example.com: authorization valid'],
  ] as const;
  return detailOf(row, {
    certificates: [
      {
        secret: 'storefront-tls',
        state: 'validating',
        names: hosts,
        issuer: "CN=R11, O=Let's Encrypt, C=US",
        notBefore: now - 69 * day,
        notAfter: now + 21 * day,
        renewAt: now - day,
        renewalWindow: { start: now - 3 * day, end: now + 2 * day },
        failures: 0,
        hosts: [
          progressOf('shop.example.com', 'order'),
          progressOf('www.shop.example.com', 'authorization'),
          progressOf('m.shop.example.com', 'challenge'),
        ],
      },
    ],
    timeline: steps.map(([ago, kind, text]) => ({ at: now - ago, kind, text })),
    path: (['idle', 'checking', 'queued', 'provisioning-challenge', 'validating'] as const).map(
      (state, index) => ({
        state,
        at: now - ([3_600_000, 13_990, 13_390, 13_190, 7000][index] ?? 0),
      }),
    ),
  });
}

/** One whose host leads elsewhere, beside a certificate that is good. */
export function trouble(): IngressDetail {
  const now = Date.now();
  const message =
    'http://admin.media.example.com/.well-known/acme-challenge/ answered 404 from another server (203.0.113.9). Point the DNS of the host to this cluster, or remove it from spec.tls.';
  const error = { code: 'SelfCheckFailed', message };
  const row = rowOf('media/admin', {
    state: 'backing-off',
    since: now - 22 * minute,
    hosts: ['admin.media.example.com', 'backstage.media.example.com'],
    next: { action: 'retry admin-tls', at: now + 78 * minute },
    error,
  });
  const rounds = [3 * hour, 112 * minute, 23 * minute].flatMap(
    (ago, index) =>
      [
        [ago, 'event', 'WAKE'],
        [ago - 10, 'transition', index === 0 ? 'idle → checking' : 'backing-off → checking'],
        [ago - 400, 'transition', 'checking → queued'],
        [ago - 500, 'transition', 'queued → provisioning-challenge'],
        [ago - 9000, 'event', 'admin-tls failed: SelfCheckFailed'],
        [ago - 9010, 'transition', 'provisioning-challenge → backing-off'],
      ] as const,
  );
  return detailOf(row, {
    certificates: [
      {
        secret: 'admin-tls',
        state: 'failed',
        failures: 3,
        nextAttemptAt: now + 78 * minute,
        error,
        hosts: [progressOf('admin.media.example.com', 'self-check', 'failed', 'another server answers: 404')],
      },
      {
        secret: 'backstage-tls',
        state: 'good',
        names: ['backstage.media.example.com'],
        issuer: "CN=R11, O=Let's Encrypt, C=US",
        notBefore: now - 28 * day,
        notAfter: now + 62 * day,
        renewAt: now + 33 * day,
        renewalWindow: { start: now + 31 * day, end: now + 34 * day },
        failures: 0,
        hosts: [progressOf('backstage.media.example.com', 'end')],
      },
    ],
    timeline: rounds.map(([ago, kind, text]) => ({ at: now - ago, kind, text })),
    path: (['checking', 'queued', 'provisioning-challenge', 'backing-off'] as const).map((state, index) => ({
      state,
      at: now - 23 * minute + index * 500,
    })),
  });
}
