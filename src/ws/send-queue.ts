/** What waits behind a Blob that is being read, in the order in which it was sent. */
export class SendQueue {
  readonly #waiting: (() => void)[] = [];
  #isReading = false;
  #waitingBytes = 0;

  /** Bytes of the Blobs that wait. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Whether something waits, so that whatever is sent now must wait behind it. */
  get isWaiting(): boolean {
    return this.#isReading;
  }

  /** Does something when all Blobs before it have been read. */
  push(action: () => void): void {
    this.#waiting.push(action);
  }

  /** Reads a Blob, and sends its bytes when it is its turn. */
  pushBlob(blob: Blob, send: (bytes: Buffer) => void, fail: (error: Error) => void): void {
    this.#waitingBytes += blob.size;
    if (this.#isReading) this.push(() => this.#read(blob, send, fail));
    else this.#read(blob, send, fail);
  }

  #read(blob: Blob, send: (bytes: Buffer) => void, fail: (error: Error) => void): void {
    this.#isReading = true;
    const goOn = (act: () => void): void => {
      this.#isReading = false;
      this.#waitingBytes -= blob.size;
      act();
      while (!this.#isReading) {
        const next = this.#waiting.shift();
        if (next === undefined) return;
        next();
      }
    };
    blob.arrayBuffer().then(
      (bytes) => goOn(() => send(Buffer.from(bytes))),
      (error: unknown) => goOn(() => fail(error as Error)),
    );
  }
}
