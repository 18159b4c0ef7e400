/** The owner of the memory of an unfinished message. */
export interface PartialMessageHolder {
  /**
   * The budget is exceeded and this message is the oldest unfinished one: the holder must free its memory.
   *
   * @param limitBytes - the budget
   * @param observedBytes - the memory of all unfinished messages before this one was removed
   */
  onBudgetExceeded(limitBytes: number, observedBytes: number): void;
}

/** The memory of one unfinished message: an entry in the linked list of all of them. */
export class PartialMessageMemory {
  readonly holder: PartialMessageHolder;
  heldBytes = 0;
  /** True while the entry is in the list. */
  isListed = false;
  older: PartialMessageMemory | undefined;
  younger: PartialMessageMemory | undefined;

  constructor(holder: PartialMessageHolder) {
    this.holder = holder;
  }
}

/**
 * Limits the memory for unfinished messages of all connections together: thousands of peers that each stay below their
 * own limit could otherwise exhaust the memory of the process.
 *
 * @remarks When the budget is exceeded, the oldest unfinished message is refused, because an attacker keeps messages
 * unfinished for longer than an honest peer. The entries are a linked list, because a `Map`, which rehashes all the
 * time as entries come and go, took 2 to 4 µs for each message of 64 KiB.
 */
export class PartialMessageBudget {
  limitBytes: number;
  #heldBytes = 0;
  #oldest: PartialMessageMemory | undefined;
  #youngest: PartialMessageMemory | undefined;

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  /** The memory of all unfinished messages in bytes. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /**
   * Sets the memory of a message to `bytes`, and adds the message when it is new. When the budget is then exceeded,
   * calls {@link PartialMessageHolder.onBudgetExceeded} of the oldest messages, which may include this one.
   *
   * @returns false when this message itself was removed
   */
  update(memory: PartialMessageMemory, bytes: number): boolean {
    if (!memory.isListed) this.#add(memory);
    this.#heldBytes += bytes - memory.heldBytes;
    memory.heldBytes = bytes;
    while (this.#heldBytes > this.limitBytes) {
      const oldest = this.#oldest as PartialMessageMemory;
      const observedBytes = this.#heldBytes;
      this.remove(oldest);
      oldest.holder.onBudgetExceeded(this.limitBytes, observedBytes);
    }
    return memory.isListed;
  }

  /** Removes a message whose memory was freed. Does nothing when the message was not added. */
  remove(memory: PartialMessageMemory): void {
    if (!memory.isListed) return;
    memory.isListed = false;
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
    memory.isListed = true;
    memory.older = youngest;
    if (youngest === undefined) this.#oldest = memory;
    else youngest.younger = memory;
    this.#youngest = memory;
  }
}

/** The budget that all connections of this process share. */
export const partialMessageBudget: PartialMessageBudget = new PartialMessageBudget(268_435_456);
