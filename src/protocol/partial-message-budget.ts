/** What holds the bytes of an unfinished message. */
export interface PartialMessageHolder {
  /**
   * Too many bytes are held in this process, and no message has been unfinished for longer than this one: let go of it.
   *
   * @param limitBytes - what may be held in all
   * @param observedBytes - what was held
   */
  onBudgetExceeded(limitBytes: number, observedBytes: number): void;
}

/** What one unfinished message holds, in a list of all of them. */
export class PartialMessageMemory {
  readonly holder: PartialMessageHolder;
  heldBytes = 0;
  /** Whether it is in the list. */
  isHeld = false;
  older: PartialMessageMemory | undefined;
  younger: PartialMessageMemory | undefined;

  constructor(holder: PartialMessageHolder) {
    this.holder = holder;
  }
}

/**
 * Memory for unfinished messages, of many connections together: thousands of peers that each stay below their own limit
 * could fill the memory of the process all the same.
 *
 * @remarks When the budget is spent, the oldest unfinished message goes. Those who hold memory on purpose are there for
 * longer than those whose messages are under way. A linked list, because a `Map` of the same took 2 to 4 µs for each
 * message of 64 KiB: coming and going makes it rehash all the time.
 */
export class PartialMessageBudget {
  limitBytes: number;
  #heldBytes = 0;
  #oldest: PartialMessageMemory | undefined;
  #youngest: PartialMessageMemory | undefined;

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  /** Bytes that are held now. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /**
   * The message now holds this much. May call {@link PartialMessageHolder.onBudgetExceeded}, also of its holder.
   *
   * @returns false when this message itself had to go
   */
  hold(memory: PartialMessageMemory, bytes: number): boolean {
    if (!memory.isHeld) this.#add(memory);
    this.#heldBytes += bytes - memory.heldBytes;
    memory.heldBytes = bytes;
    while (this.#heldBytes > this.limitBytes) {
      const oldest = this.#oldest as PartialMessageMemory;
      const observedBytes = this.#heldBytes;
      this.release(oldest);
      oldest.holder.onBudgetExceeded(this.limitBytes, observedBytes);
    }
    return memory.isHeld;
  }

  /** The message holds nothing any more. Does nothing when it held nothing. */
  release(memory: PartialMessageMemory): void {
    if (!memory.isHeld) return;
    memory.isHeld = false;
    this.#heldBytes -= memory.heldBytes;
    memory.heldBytes = 0;
    const { older, younger } = memory;
    if (older === undefined) this.#oldest = younger;
    else older.younger = younger;
    if (younger === undefined) this.#youngest = older;
    else younger.older = older;
    memory.older = undefined;
    memory.younger = undefined;
  }

  #add(memory: PartialMessageMemory): void {
    const youngest = this.#youngest;
    memory.isHeld = true;
    memory.older = youngest;
    if (youngest === undefined) this.#oldest = memory;
    else youngest.younger = memory;
    this.#youngest = memory;
  }
}

/** The budget that all connections of this process share. */
export const partialMessageBudget: PartialMessageBudget = new PartialMessageBudget(268_435_456);
