/**
 * A first-in, first-out queue whose operations take constant time at any length. `Array.shift` moves all items that
 * follow, which makes a long queue quadratic.
 */
export class Queue<T> {
  #incoming: T[] = [];
  /** The front of the queue in reverse order: its first item is the last element. */
  #outgoing: T[] = [];

  /** The number of items. */
  get length(): number {
    return this.#incoming.length + this.#outgoing.length;
  }

  /** The first item, undefined when the queue is empty. */
  get first(): T | undefined {
    return this.#outgoing.at(-1) ?? this.#incoming[0];
  }

  /** Adds an item at the end. */
  push(item: T): void {
    this.#incoming.push(item);
  }

  /** Puts an item in front of all others. */
  unshift(item: T): void {
    this.#outgoing.push(item);
  }

  /** Removes and returns the first item, or undefined when the queue is empty. */
  shift(): T | undefined {
    if (this.#outgoing.length === 0) {
      this.#outgoing = this.#incoming.toReversed();
      this.#incoming = [];
    }
    return this.#outgoing.pop();
  }
}
