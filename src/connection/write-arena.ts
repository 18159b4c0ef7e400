/** Size of a slab: as much as a batch holds before it leaves, and some headers. No pool of Node has this size. */
export const SLAB_BYTES: number = 65_536 + 512;
/** Slabs kept for the next turn: 4 MiB. */
const MAX_FREE_SLABS = 64;

const EMPTY = Buffer.alloc(0);

/**
 * Memory that all that is written in one turn of the event loop shares, one part behind the other.
 *
 * @remarks With a buffer for each socket, a turn in which a thousand sockets wrote one small message each took 16 MB or
 * more, and the process kept 3 KB for each of 10 000 connections.
 */
export class WriteArena {
  #current: Buffer = EMPTY;
  #used = 0;
  /** Those of this turn that have no room. */
  #full: Buffer[] = [];
  readonly #free: Buffer[] = [];
  #isRetained = false;

  /** The slab that the last {@link reserve} spoke of. */
  get current(): Buffer {
    return this.#current;
  }

  /** Makes room for at most {@link SLAB_BYTES}, and returns the offset in {@link current}. */
  reserve(byteCount: number): number {
    if (this.#current.length - this.#used < byteCount) {
      if (this.#used > 0) this.#full.push(this.#current);
      this.#current = this.#free.pop() ?? Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.#used = 0;
    }
    return this.#used;
  }

  /** {@link current} is written up to this offset. */
  commit(end: number): void {
    this.#used = end;
  }

  /** Whether more can be written behind `end`, because nobody else has written since. */
  isLast(buffer: Buffer, end: number, byteCount: number): boolean {
    return buffer === this.#current && end === this.#used && buffer.length - end >= byteCount;
  }

  /** Somebody still reads a part of what was written in this turn: its slabs are not used again. */
  retainTurn(): void {
    this.#isRetained = true;
  }

  /** All that was written in this turn has left, but for what {@link retainTurn} told of. */
  recycle(): void {
    if (this.#isRetained) this.#current = EMPTY;
    else this.#free.push(...this.#full.slice(0, MAX_FREE_SLABS - this.#free.length));
    this.#full = [];
    this.#used = 0;
    this.#isRetained = false;
  }
}

/** A part of a slab as memory of its own; other memory as it is. */
export function outOfArena(piece: Buffer): Buffer {
  // Memory of somebody else may have this very size: a copy does no harm.
  return piece.buffer.byteLength === SLAB_BYTES ? Buffer.from(piece) : piece;
}
