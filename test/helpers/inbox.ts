/** Collects what comes in, and lets a test wait for it. */
export class Inbox<T> {
  /** All that has come so far. */
  readonly all: T[] = [];
  #taken = 0;
  #waiting: { readonly count: number; readonly resolve: () => void }[] = [];

  push(item: T): void {
    this.all.push(item);
    const ready = this.#waiting.filter(({ count }) => count <= this.all.length);
    this.#waiting = this.#waiting.filter(({ count }) => count > this.all.length);
    for (const { resolve } of ready) resolve();
  }

  /** The next item that no earlier call of this method has given. */
  async next(): Promise<T> {
    const index = this.#taken++;
    await this.atLeast(index + 1);
    return this.all[index]!;
  }

  /** All that has come, as soon as it is this many items. */
  async atLeast(count: number): Promise<readonly T[]> {
    if (this.all.length < count) await new Promise<void>((resolve) => this.#waiting.push({ count, resolve }));
    return this.all;
  }
}
