import { isPrivateKey } from '../../certificate/key.ts';
import { OrderJournal, type OrderJournalOptions } from '../../journal/order-journal.ts';
import { SecretEntries } from '../../kubernetes/records/secret-entries.ts';
import type { Cluster } from '../cluster.ts';
import type { Runtime } from '../runtime.ts';
import type { Authorities } from './ca.ts';
import type { HostOwnership } from './host-ownership.ts';

/** The journal of orders in a Secret of our namespace. */
export function setUpJournal(
  { config, log, signal }: Runtime,
  { client, observerOf }: Cluster,
  ca: Authorities['ca'],
  { holders }: Pick<HostOwnership, 'holders'>,
  isWanted: OrderJournalOptions['isWanted'],
): OrderJournal {
  return new OrderJournal({
    store: new SecretEntries(
      client,
      config.namespace,
      'journal',
      config.objectMetadata,
      observerOf('journal'),
    ),
    isPrivateKey,
    isWanted,
    onEnded: ({ id }) => ca.settleOrder(id),
    recorded: () => Promise.all([ca.counted(), holders.recorded()]),
    clock: ca.clock,
    isTimeKnown: () => ca.clock.skew !== undefined,
    signal,
    onTrouble: (trouble) =>
      typeof trouble === 'string'
        ? log.error(trouble)
        : log.error(trouble, 'The order journal cannot be read or written; kube-lego tries again.'),
    onLetGo: ({ directoryUrl: directory, hosts, namespace, secretName, orderUrl }, why) =>
      log.warn(
        { directory, hosts, secret: `${namespace}/${secretName}`, order: orderUrl },
        `An unfinished order is given up: ${why}.`,
      ),
  });
}
