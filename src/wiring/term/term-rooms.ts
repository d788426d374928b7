import type { OrderJournal } from '../../journal/order-journal.ts';
import type { Challenges } from '../challenges.ts';
import type { Cluster } from '../cluster.ts';
import type { Status } from '../statuses.ts';
import type { Actors } from './actors.ts';
import type { Authorities } from './ca.ts';
import type { HostOwnership } from './host-ownership.ts';
import type { Revocations } from './revocations.ts';
import type { TermViewers } from './term-viewers.ts';

/** What a process has while it leads. */
export interface TermRooms {
  readonly cluster: Cluster;
  readonly authorities: Authorities;
  readonly challenges: Challenges;
  readonly ownership: HostOwnership;
  readonly orders: OrderJournal;
  readonly revocations: Revocations;
  readonly status: Status;
  readonly actors: Actors;
  readonly viewers: TermViewers;
}
