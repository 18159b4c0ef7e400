/** A connection whose peer does not keep up. */
export interface UnsentHolder {
  /** Bytes that wait to be sent. */
  readonly bufferedBytes: number;
  /**
   * The budget is exceeded and this connection holds most: it must end, and free the memory at once.
   *
   * @param limitBytes - the budget
   * @param observedBytes - what all connections together held
   */
  onUnsentBudgetExceeded(limitBytes: number, observedBytes: number): void;
}

/** All connections are counted again when they may have got this part of the budget since the last time. */
const RECOUNT_PART = 64;

/**
 * Limits the bytes that wait to be sent on all connections together: a hundred peers that do not read, and each stay
 * below their own limit, could otherwise exhaust the memory of the process.
 *
 * @remarks Only connections with a blocked peer, or a message that is being compressed, are in the list, so that others
 * cost nothing. What they send in the meantime is noticed when all are counted again.
 */
export class UnsentBudget {
  limitBytes: number;
  /** The limit that the budget was made with. */
  readonly defaultBytes: number;
  /** The bytes of each connection when it was looked at last. */
  readonly #heldBytes = new Map<UnsentHolder, number>();
  #totalBytes = 0;
  /** Bytes that were added since all connections were counted. */
  #addedBytes = 0;

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
    this.defaultBytes = limitBytes;
  }

  /** The bytes of all connections in the list: no less than what they hold. */
  get totalBytes(): number {
    return this.#totalBytes;
  }

  /**
   * Notes that a connection holds more than before. When the budget is then exceeded, calls
   * {@link UnsentHolder.onUnsentBudgetExceeded} of the connections that hold most, which may include this one.
   */
  update(holder: UnsentHolder, bytes: number): void {
    const addedBytes = bytes - (this.#heldBytes.get(holder) ?? 0);
    this.#heldBytes.set(holder, bytes);
    this.#totalBytes += addedBytes;
    if (addedBytes > 0) this.#addedBytes += addedBytes;
    // Counting thousands of connections for each message that finds the budget nearly full would take too long.
    if (this.#totalBytes > this.limitBytes && this.#addedBytes * RECOUNT_PART >= this.limitBytes) this.#enforce();
  }

  /** Removes a connection that holds nothing any more. Does nothing when it is not in the list. */
  remove(holder: UnsentHolder): void {
    const bytes = this.#heldBytes.get(holder);
    if (bytes === undefined) return;
    this.#heldBytes.delete(holder);
    this.#totalBytes -= bytes;
  }

  #enforce(): void {
    this.#recount();
    while (this.#totalBytes > this.limitBytes) {
      const observedBytes = this.#totalBytes;
      const greediest = this.#greediest;
      this.remove(greediest);
      greediest.onUnsentBudgetExceeded(this.limitBytes, observedBytes);
    }
  }

  #recount(): void {
    this.#addedBytes = 0;
    this.#totalBytes = 0;
    for (const holder of this.#heldBytes.keys()) {
      const bytes = holder.bufferedBytes;
      this.#heldBytes.set(holder, bytes);
      this.#totalBytes += bytes;
    }
  }

  /** The connection that holds most. Only while there are connections. */
  get #greediest(): UnsentHolder {
    let found: UnsentHolder | undefined;
    let mostBytes = -1;
    for (const [holder, bytes] of this.#heldBytes) {
      if (bytes <= mostBytes) continue;
      found = holder;
      mostBytes = bytes;
    }
    return found as UnsentHolder;
  }
}

/** The budget that all connections of this process share. */
export const unsentBudget: UnsentBudget = new UnsentBudget(536_870_912);
