/**
 * First in, first out, in constant time whatever the length: `Array.shift` moves all that follows, which makes a long
 * queue quadratic.
 */
export class Queue<T> {
  #incoming: T[] = [];
  /** The front of the queue, its first item at the end. */
  #outgoing: T[] = [];

  /** How many items there are. */
  get length(): number {
    return this.#incoming.length + this.#outgoing.length;
  }

  /** Adds an item at the end. */
  push(item: T): void {
    this.#incoming.push(item);
  }

  /** Puts an item in front of all others. */
  unshift(item: T): void {
    this.#outgoing.push(item);
  }

  /** Takes the first item, undefined when there is none. */
  shift(): T | undefined {
    if (this.#outgoing.length === 0) {
      this.#outgoing = this.#incoming.toReversed();
      this.#incoming = [];
    }
    return this.#outgoing.pop();
  }
}
