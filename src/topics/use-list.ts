/** An item of a {@link UseList}, of which it is in one at most. The list alone sets its neighbours. */
export interface Used<Item> {
  older: Item | undefined;
  newer: Item | undefined;
}

/**
 * Items in the order of their last use.
 *
 * @remarks They are linked with each other, so that each call costs the same at any length: a Set or Map that loses its
 * first items again and again is slow to tell the next one.
 */
export class UseList<Item extends Used<Item>> {
  #oldest: Item | undefined;
  #newest: Item | undefined;

  /** The item that was used longest ago. */
  get oldest(): Item | undefined {
    return this.#oldest;
  }

  has(item: Item): boolean {
    return item.older !== undefined || item === this.#oldest;
  }

  /** Puts an item at the newest end, whether or not it is in the list. */
  renew(item: Item): void {
    if (item === this.#newest) return;
    this.remove(item);
    item.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = item;
    else this.#newest.newer = item;
    this.#newest = item;
  }

  /** Does nothing when the item is not in the list. */
  remove(item: Item): void {
    if (!this.has(item)) return;
    const { older, newer } = item;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    item.older = undefined;
    item.newer = undefined;
  }
}
