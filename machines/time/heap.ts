/** An item of a `Heap`, which keeps its position in it; so it can be in one heap at a time. */
export interface HeapItem {
  heapIndex: number;
}

/** A binary heap whose items can be deleted and moved: each costs log n. Equal items come in any order. */
export class Heap<Item extends HeapItem> {
  readonly #comesBefore: (one: Item, other: Item) => boolean;
  readonly #items: Item[] = [];

  /** @param comesBefore a strict order; what it reads of an item may change only if `moved` is called next */
  constructor(comesBefore: (one: Item, other: Item) => boolean) {
    this.#comesBefore = comesBefore;
  }

  get size(): number {
    return this.#items.length;
  }

  get first(): Item | undefined {
    return this.#items[0];
  }

  add(item: Item): void {
    this.#items.push(item);
    this.#raise(item, this.#items.length - 1);
  }

  delete(item: Item): void {
    const last = this.#items.pop();
    if (last === undefined || last === item) return;
    last.heapIndex = item.heapIndex;
    this.#items[last.heapIndex] = last;
    this.moved(last);
  }

  /** The order of this item has changed. */
  moved(item: Item): void {
    const { heapIndex } = item;
    this.#raise(item, heapIndex);
    if (item.heapIndex === heapIndex) this.#lower(item, heapIndex);
  }

  /** All items as they are now, in order; each step costs log n. */
  *inOrder(): Generator<Item, void> {
    const items = [...this.#items];
    const reached = new Heap<Reached<Item>>((one, other) => this.#comesBefore(one.item, other.item));
    const reach = (index: number): void => {
      const item = items[index];
      if (item !== undefined) reached.add({ item, index, heapIndex: 0 });
    };
    reach(0);
    for (let next = reached.first; next !== undefined; next = reached.first) {
      reached.delete(next);
      reach(2 * next.index + 1);
      reach(2 * next.index + 2);
      yield next.item;
    }
  }

  #raise(item: Item, from: number): void {
    let index = from;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = this.#items[parent];
      if (above === undefined || !this.#comesBefore(item, above)) break;
      this.#place(above, index);
      index = parent;
    }
    this.#place(item, index);
  }

  #lower(item: Item, from: number): void {
    let index = from;
    for (;;) {
      const left = this.#items[2 * index + 1];
      const right = this.#items[2 * index + 2];
      if (left === undefined) break;
      const takeRight = right !== undefined && this.#comesBefore(right, left);
      const below = takeRight ? right : left;
      if (!this.#comesBefore(below, item)) break;
      this.#place(below, index);
      index = 2 * index + (takeRight ? 2 : 1);
    }
    this.#place(item, index);
  }

  #place(item: Item, index: number): void {
    this.#items[index] = item;
    item.heapIndex = index;
  }
}

interface Reached<Item> extends HeapItem {
  readonly item: Item;
  /** Of `item` in the heap. */
  readonly index: number;
}
