import { Duplex } from 'node:stream';

const HIGH_WATER_MARK_BYTES = 16_384;
/** Most pieces that a long write is cut into, however small the pieces should be. */
const MAX_PIECES = 40;
const PIECES_PER_TURN = 8;

type Done = (error?: Error | null) => void;

/** One end of a connection in memory that can be slow, stand still, cut the sent bytes into pieces, and break. */
export class MemorySocket extends Duplex {
  #peer!: MemorySocket;
  readonly #sizes: readonly number[];
  #nextSize = 0;
  /** The written bytes that the peer has not taken. */
  #chunk: Buffer | undefined;
  #pieceBytes = 0;
  #onTaken: Done | undefined;
  #onFinal: Done | undefined;
  #isWanted = false;
  #isStalled = false;
  #isScheduled = false;

  /** @param sizes - sizes of the pieces in which written bytes arrive, in rotation */
  static pair(sizes: readonly number[]): [MemorySocket, MemorySocket] {
    const left = new MemorySocket(sizes);
    const right = new MemorySocket(sizes);
    left.#peer = right;
    right.#peer = left;
    return [left, right];
  }

  private constructor(sizes: readonly number[]) {
    super({ allowHalfOpen: true, highWaterMark: HIGH_WATER_MARK_BYTES });
    this.#sizes = sizes;
  }

  /** True to keep written bytes from the peer. */
  set isStalled(isStalled: boolean) {
    this.#isStalled = isStalled;
    this.#schedule();
  }

  override _write(chunk: Buffer, _encoding: string, done: Done): void {
    // The bytes are not copied: as with TCP, their memory must not change before the write is over.
    this.#chunk = chunk;
    this.#pieceBytes = Math.ceil(chunk.length / MAX_PIECES);
    this.#onTaken = done;
    this.#schedule();
  }

  override _final(done: Done): void {
    this.#onFinal = done;
    this.#schedule();
  }

  override _read(): void {
    this.#isWanted = true;
    this.#peer.#schedule();
  }

  override _destroy(error: Error | null, done: Done): void {
    const peer = this.#peer;
    const hasEnded = this.#hasEnded;
    this.#chunk = undefined;
    this.#taken(error ?? new Error('write ECANCELED'));
    setImmediate(() => {
      if (!hasEnded && !peer.#hasEnded) peer.destroy(new Error('read ECONNRESET'));
    });
    done(error);
  }

  /** Whether both directions have ended without an error. */
  get #hasEnded(): boolean {
    return this.readableEnded && this.writableFinished;
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    if (this.#isStalled || this.destroyed) return;
    if (this.#chunk !== undefined) this.#deliverPieces(this.#chunk);
    else if (this.#onFinal !== undefined) {
      const done = this.#onFinal;
      this.#onFinal = undefined;
      if (!this.#peer.destroyed) this.#peer.push(null);
      done();
    }
  }

  #deliverPieces(chunk: Buffer): void {
    const peer = this.#peer;
    if (peer.destroyed || !peer.#isWanted) return;
    peer.#isWanted = false;
    let rest = chunk;
    for (let i = 0; i < PIECES_PER_TURN && rest.length > 0; i++) {
      const size = Math.max(this.#pieceBytes, this.#sizes[this.#nextSize++ % this.#sizes.length] as number);
      peer.push(Buffer.from(rest.subarray(0, size)));
      rest = rest.subarray(size);
    }
    this.#chunk = rest.length > 0 ? rest : undefined;
    if (rest.length === 0) this.#taken(null);
    this.#schedule();
  }

  #taken(error: Error | null): void {
    const done = this.#onTaken;
    this.#onTaken = undefined;
    done?.(error);
  }
}
