/** Size of a slab: the most that a batch collects before it leaves, and some headers. No pool of Node has this size. */
export const SLAB_BYTES: number = 65_536 + 512;
/** Slabs kept for the next turn: 4 MiB. */
const MAX_FREE_SLABS = 64;

const EMPTY = Buffer.alloc(0);

/**
 * Memory for all that is written in one turn of the event loop, to whichever socket: each write takes the next part of
 * the current slab.
 *
 * @remarks With a buffer for each socket, a turn in which a thousand sockets wrote one small message each took 16 MB or
 * more, and the process kept 3 KB for each of 10 000 connections.
 */
export class WriteArena {
  #currentSlab: Buffer = EMPTY;
  #usedBytes = 0;
  /** Slabs of this turn that have no room left. */
  #fullSlabs: Buffer[] = [];
  readonly #freeSlabs: Buffer[] = [];
  /** Whether the slabs of this turn must not be used again. */
  #isRetained = false;

  /** The slab in which the last {@link reserve} made room. */
  get current(): Buffer {
    return this.#currentSlab;
  }

  /** Makes room for `byteCount` bytes, {@link SLAB_BYTES} at most, and returns their offset in {@link current}. */
  reserve(byteCount: number): number {
    if (this.#currentSlab.length - this.#usedBytes < byteCount) {
      if (this.#usedBytes > 0) this.#fullSlabs.push(this.#currentSlab);
      this.#currentSlab = this.#freeSlabs.pop() ?? Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.#usedBytes = 0;
    }
    return this.#usedBytes;
  }

  /** Marks {@link current} as written up to the offset `end`. */
  commit(end: number): void {
    this.#usedBytes = end;
  }

  /** Whether the current slab has `byteCount` bytes of room at `end`, and no other batch has written behind `end`. */
  hasRoomAt(buffer: Buffer, end: number, byteCount: number): boolean {
    return buffer === this.#currentSlab && end === this.#usedBytes && buffer.length - end >= byteCount;
  }

  /** Keeps the slabs of this turn from being used again, because a transport still reads from them. */
  retainTurn(): void {
    this.#isRetained = true;
  }

  /** Ends the turn: its slabs are used again, unless {@link retainTurn} was called. */
  recycle(): void {
    if (this.#isRetained) this.#currentSlab = EMPTY;
    else this.#freeSlabs.push(...this.#fullSlabs.slice(0, MAX_FREE_SLABS - this.#freeSlabs.length));
    this.#fullSlabs = [];
    this.#usedBytes = 0;
    this.#isRetained = false;
  }
}

/** Returns a copy of a part of a slab; returns memory that belongs to no slab as it is. */
export function copyOutOfArena(piece: Buffer): Buffer {
  // Other memory may happen to have the size of a slab: copying that too does no harm.
  return piece.buffer.byteLength === SLAB_BYTES ? Buffer.from(piece) : piece;
}
