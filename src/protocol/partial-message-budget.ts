/** Unfinished messages that are looked at, the oldest first, to find the one that is refused: bounds the cost. */
const MAX_COMPARED = 1024;

/** The owner of the memory of an unfinished message. */
export interface PartialMessageHolder {
  /** How long the message has stood still, in milliseconds; 0 while it comes along. */
  readonly staleMs: number;
  /**
   * The budget is exceeded and this message is the one that is refused: the holder must free its memory.
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
 * @remarks When the budget is exceeded, the message that has stood still for longest is refused, however old others are:
 * an honest upload over a slow line is old, and comes along. When all come along, the youngest is refused, so that a
 * burst of new messages displaces none that was there before. The entries are a linked list, because a `Map`, which rehashes all the
 * time as entries come and go, took 2 to 4 µs for each message of 64 KiB.
 */
export class PartialMessageBudget {
  limitBytes: number;
  /** The limit that the budget was made with. */
  readonly defaultBytes: number;
  #heldBytes = 0;
  #oldest: PartialMessageMemory | undefined;
  #youngest: PartialMessageMemory | undefined;

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
    this.defaultBytes = limitBytes;
  }

  /** The memory of all unfinished messages in bytes. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /**
   * Sets the memory of a message to `bytes`, and adds the message when it is new. When the budget is then exceeded,
   * calls {@link PartialMessageHolder.onBudgetExceeded} of as many messages as necessary, which may include this one.
   *
   * @returns false when this message itself was removed
   */
  update(memory: PartialMessageMemory, bytes: number): boolean {
    if (!memory.isListed) this.#add(memory);
    this.#heldBytes += bytes - memory.heldBytes;
    memory.heldBytes = bytes;
    while (this.#heldBytes > this.limitBytes) {
      const refused = this.#leastDeserving;
      const observedBytes = this.#heldBytes;
      this.remove(refused);
      refused.holder.onBudgetExceeded(this.limitBytes, observedBytes);
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

  /** The message that has stood still for longest, else the youngest. Only while there are messages. */
  get #leastDeserving(): PartialMessageMemory {
    let found = this.#youngest as PartialMessageMemory;
    let longestMs = 0;
    let memory = this.#oldest;
    for (let i = 0; i < MAX_COMPARED && memory !== undefined; i++) {
      const { staleMs } = memory.holder;
      if (staleMs > longestMs) {
        found = memory;
        longestMs = staleMs;
      }
      memory = memory.younger;
    }
    return found;
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
