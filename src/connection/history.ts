const EMPTY = Buffer.alloc(0);

/** Limits the memory of many histories together. */
export class HistoryBudget {
  limitBytes: number;
  #heldBytes = 0;

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Takes memory. Returns false, and takes none, when the limit would be exceeded. */
  take(byteCount: number): boolean {
    if (this.#heldBytes + byteCount > this.limitBytes) return false;
    this.#heldBytes += byteCount;
    return true;
  }

  giveBack(byteCount: number): void {
    this.#heldBytes -= byteCount;
  }
}

/** The last bytes of one direction with context takeover. */
export class History {
  /** Only valid until the next message changes it. */
  bytes: Buffer = EMPTY;
  readonly #windowBytes: number;
  readonly #budget: HistoryBudget | undefined;
  #isOver = false;

  /** @param budget - limits this history together with others: when it is used up, this history ends */
  constructor(windowBits: number, budget?: HistoryBudget) {
    this.#windowBytes = 2 ** windowBits;
    this.#budget = budget;
  }

  add(payload: Buffer): void {
    if (this.#isOver) return;
    const previous = this.bytes;
    const length = Math.min(this.#windowBytes, previous.length + payload.length);
    const added = Math.min(length, payload.length);
    const keptBytes = length - added;
    if (this.#budget?.take(length - previous.length) === false) {
      this.end();
      return;
    }
    // The bytes are copied: a slice would keep the memory of a large message, or of a pool.
    if (length > previous.length) this.bytes = Buffer.allocUnsafeSlow(length);
    previous.copy(this.bytes, 0, previous.length - keptBytes);
    payload.copy(this.bytes, keptBytes, payload.length - added);
  }

  /** Frees the memory. The history stays empty from now on. */
  end(): void {
    this.#isOver = true;
    this.#budget?.giveBack(this.bytes.length);
    this.bytes = EMPTY;
  }
}
