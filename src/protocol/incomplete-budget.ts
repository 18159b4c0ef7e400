/** What holds the bytes of an unfinished message. */
export interface IncompleteHolder {
  /**
   * Too many bytes are held in this process, and no message has been unfinished for longer than this one: let go of it.
   *
   * @param limitBytes - what may be held in all
   * @param observedBytes - what was held
   */
  onBudgetExceeded(limitBytes: number, observedBytes: number): void;
}

/**
 * Memory for unfinished messages, of many connections together: thousands of peers that each stay below their own limit
 * could fill the memory of the process all the same.
 *
 * @remarks When the budget is spent, the oldest unfinished message goes. Those who hold memory on purpose are there for
 * longer than those whose messages are under way.
 */
export class IncompleteBudget {
  limitBytes: number;
  #heldBytes = 0;
  /** Bytes by holder, the oldest first. */
  readonly #holders = new Map<IncompleteHolder, number>();

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  /** Bytes that are held now. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /**
   * The holder now holds this much. May call {@link IncompleteHolder.onBudgetExceeded}, also of this holder.
   *
   * @returns false when this holder itself had to let go
   */
  hold(holder: IncompleteHolder, bytes: number): boolean {
    const before = this.#holders.get(holder) ?? 0;
    this.#holders.set(holder, bytes);
    this.#heldBytes += bytes - before;
    while (this.#heldBytes > this.limitBytes) {
      const [oldest] = this.#holders.keys() as IterableIterator<IncompleteHolder>;
      const observedBytes = this.#heldBytes;
      this.release(oldest as IncompleteHolder);
      (oldest as IncompleteHolder).onBudgetExceeded(this.limitBytes, observedBytes);
    }
    return this.#holders.has(holder);
  }

  /** The holder has let go. Does nothing when it held nothing. */
  release(holder: IncompleteHolder): void {
    const bytes = this.#holders.get(holder);
    if (bytes === undefined) return;
    this.#holders.delete(holder);
    this.#heldBytes -= bytes;
  }
}

/** The budget that all connections of this process share. */
export const incompleteBudget: IncompleteBudget = new IncompleteBudget(268_435_456);
