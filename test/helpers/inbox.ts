/**
 * Collects items as they arrive, and lets a test wait for them. Frames, raw connections and messages of channels are no
 * events of handlers, which is what the testing kit records.
 */
export class Inbox<T> {
  /** All items that have arrived so far. */
  readonly all: T[] = [];
  #taken = 0;
  #waiting: { readonly count: number; readonly resolve: () => void }[] = [];

  push(item: T): void {
    this.all.push(item);
    const ready = this.#waiting.filter(({ count }) => count <= this.all.length);
    this.#waiting = this.#waiting.filter(({ count }) => count > this.all.length);
    for (const { resolve } of ready) resolve();
  }

  /** Resolves to the next item that no earlier call of this method has returned. */
  async next(): Promise<T> {
    const index = this.#taken++;
    await this.atLeast(index + 1);
    return this.all[index]!;
  }

  /** Resolves to all items, as soon as there are this many. */
  async atLeast(count: number): Promise<readonly T[]> {
    if (this.all.length < count) await new Promise<void>((resolve) => this.#waiting.push({ count, resolve }));
    return this.all;
  }
}
