import { Heap, type HeapItem } from '../time/heap.ts';

export interface Queued extends HeapItem {
  readonly round: {
    readonly namespace: string;
    /** When visitors begin to be affected, in milliseconds since the epoch. */
    readonly harmAt: number;
  };
  /** Order of arrival; unique. */
  readonly serial: number;
}

/** What waits of one namespace. */
interface Tenant<Item extends HeapItem> extends HeapItem {
  readonly namespace: string;
  readonly items: Heap<Item>;
  /** What it had when it began to wait, and what it got since. */
  share: number;
}

/** One item and those after it of its namespace, in their turn. */
interface Cursor<Item> extends HeapItem {
  readonly item: Item;
  /** Share of its namespace when it is this item's turn. */
  readonly share: number;
  readonly rest: Iterator<Item, void>;
}

/**
 * A queue that is fair among namespaces: the one with the smallest share goes first; of equal ones, and within a namespace, the item
 * whose harm comes first. Adding, removing and choosing cost log n.
 */
export class FairQueue<Item extends Queued> {
  readonly #shareOf: (namespace: string) => number;
  readonly #tenants = new Map<string, Tenant<Item>>();
  readonly #order = new Heap<Tenant<Item>>((one, other) =>
    goesFirst(one.share, one.items.first, other.share, other.items.first),
  );
  #size = 0;

  /** @param shareOf what a namespace has when it begins to wait; then see `changeShare` */
  constructor(shareOf: (namespace: string) => number) {
    this.#shareOf = shareOf;
  }

  get size(): number {
    return this.#size;
  }

  get first(): Item | undefined {
    return this.#order.first?.items.first;
  }

  /** Whether its first item goes before that of the other queue. */
  isBefore(other: FairQueue<Item>): boolean {
    const [mine, theirs] = [this.#order.first, other.#order.first];
    return goesFirst(mine?.share ?? 0, mine?.items.first, theirs?.share ?? 0, theirs?.items.first);
  }

  add(item: Item): void {
    this.#size += 1;
    const { namespace } = item.round;
    const known = this.#tenants.get(namespace);
    if (known !== undefined) {
      known.items.add(item);
      this.#order.moved(known);
      return;
    }
    const items = new Heap<Item>(isEarlier);
    items.add(item);
    const tenant = { namespace, items, share: this.#shareOf(namespace), heapIndex: 0 };
    this.#tenants.set(namespace, tenant);
    this.#order.add(tenant);
  }

  /** @param item is in this queue */
  delete(item: Item): void {
    const tenant = this.#tenants.get(item.round.namespace);
    if (tenant === undefined) return;
    this.#size -= 1;
    tenant.items.delete(item);
    if (tenant.items.size > 0) this.#order.moved(tenant);
    else {
      this.#order.delete(tenant);
      this.#tenants.delete(tenant.namespace);
    }
  }

  /**
   * The namespace got something, or gave it back unused. What it no longer has because time passed does not count while it waits:
   * otherwise, of more namespaces than a limit serves in its period, the same ones would be served again and again.
   */
  changeShare(namespace: string, change: 1 | -1): void {
    const tenant = this.#tenants.get(namespace);
    if (tenant === undefined) return;
    tenant.share += change;
    this.#order.moved(tenant);
  }

  /**
   * Upper bound of how many go before the last item of this namespace, without walking through them: of each namespace at most as many
   * as its share is smaller, and one.
   */
  mostBefore(namespace: string): number {
    const tenant = this.#tenants.get(namespace);
    if (tenant === undefined) return this.#size;
    const turns = tenant.share - (this.#order.first?.share ?? 0) + tenant.items.size;
    return Math.min(turns * this.#tenants.size, this.#size) - 1;
  }

  /** The items in the order in which they would go if none came and nothing of a share was given back; each step costs log n. */
  *inTurn(): Generator<Item, void> {
    const next = new Heap<Cursor<Item>>((one, other) =>
      goesFirst(one.share, one.item, other.share, other.item),
    );
    const advance = (share: number, rest: Iterator<Item, void>): void => {
      const { done, value } = rest.next();
      if (done !== true) next.add({ item: value, share, rest, heapIndex: 0 });
    };
    const take = (cursor: Cursor<Item>): Item => {
      next.delete(cursor);
      advance(cursor.share + 1, cursor.rest);
      return cursor.item;
    };
    for (const { share, items } of this.#order.inOrder()) {
      for (let { first } = next; first !== undefined; { first } = next) {
        if (!goesFirst(first.share, first.item, share, items.first)) break;
        yield take(first);
      }
      advance(share, items.inOrder());
    }
    for (let { first } = next; first !== undefined; { first } = next) yield take(first);
  }
}

/** Compares the turns of two items, one of each namespace. */
function goesFirst(
  share: number,
  item: Queued | undefined,
  otherShare: number,
  other: Queued | undefined,
): boolean {
  if (share !== otherShare) return share < otherShare;
  return item !== undefined && (other === undefined || isEarlier(item, other));
}

function isEarlier(one: Queued, other: Queued): boolean {
  const difference = one.round.harmAt - other.round.harmAt;
  return difference === 0 ? one.serial < other.serial : difference < 0;
}
