import { currentClock, monotonicMs, setImmediate } from '../base/clock.ts';
import { activity } from './activity.ts';
import { FrameWatch } from './frame-watch.ts';

/** Written bytes that the system takes before the sender is blocked. */
const DEFAULT_CAPACITY_BYTES = 65_536;
/** Bytes that arrive in one turn of the event loop. */
const BYTES_PER_TURN = 65_536;
/** Pieces that arrive in one turn of the event loop. */
const PIECES_PER_TURN = 64;
/** How often a slow line brings bytes. */
const SLOW_TICK_MS = 50;

/** What is wrong with one direction of a line. Each pipe of the line reads it anew. */
export interface Faults {
  isStalled: boolean;
  latencyMs: number;
  /** Most bytes that arrive in one piece, in rotation. */
  pieceBytes: readonly number[];
  /** Bytes on their way at which the sender is blocked. */
  capacityBytes: number;
  /** Most bytes that arrive in a second. */
  bytesPerSecond: number;
  losesCloseFrames: boolean;
}

export function noFaults(): Faults {
  return {
    isStalled: false,
    latencyMs: 0,
    pieceBytes: [Infinity],
    capacityBytes: DEFAULT_CAPACITY_BYTES,
    bytesPerSecond: Infinity,
    losesCloseFrames: false,
  };
}

/** Where the bytes of a pipe arrive. */
export interface PipeEnd {
  /** False while the reader takes no bytes. */
  readonly isWanting: boolean;
  /** True when the reader has destroyed its end. */
  readonly isGone: boolean;
  /** Hears that bytes came for an end that is gone: TCP answers them with a reset. */
  onLost(): void;
  /** Takes bytes; null is the end of the stream. */
  arrive(bytes: Buffer | null): void;
}

interface Piece {
  bytes: Buffer;
  readonly dueMs: number;
}

/** One direction of a connection in memory: bytes arrive in order, in a later turn, with the faults of its line. */
export class Pipe {
  readonly watch: FrameWatch = new FrameWatch();
  readonly #faults: Faults;
  readonly #end: PipeEnd;
  #inFlight: Piece[] = [];
  #inFlightBytes = 0;
  /** Called when the system takes bytes again. */
  #onTaken: (() => void) | undefined;
  #onEnded: (() => void) | undefined;
  #isClosed = false;
  #isScheduled = false;
  #timeout: NodeJS.Timeout | undefined;
  /** Bytes that a slow line may bring until its next tick. */
  #budgetBytes = 0;
  #nextTickMs = 0;
  #pieceCount = 0;
  /** What the sender has written and may not change yet, because its write is not over. */
  #lent: Piece | undefined;

  constructor(faults: Faults, end: PipeEnd) {
    this.#faults = faults;
    this.#end = end;
  }

  /** Takes written bytes. Calls `done` as soon as more may be written. */
  write(chunk: Buffer, done: () => void): void {
    if (this.#isClosed) return;
    this.#lent = this.#add(chunk);
    this.#onTaken = done;
    if (this.#inFlightBytes < this.#faults.capacityBytes) this.#release();
  }

  /** Puts bytes behind those that are on their way, however many these are. */
  inject(chunk: Uint8Array): void {
    this.#add(Buffer.from(chunk));
  }

  /** Sends the end of the stream behind all bytes. */
  end(done: () => void): void {
    this.#onEnded = done;
    this.#inFlight.push({ bytes: Buffer.alloc(0), dueMs: this.#dueMs });
    this.pump();
  }

  /** Drops what is on its way. A write that waits never ends: its bytes were not taken. */
  close(): void {
    this.#isClosed = true;
    this.#inFlight = [];
    this.#inFlightBytes = 0;
    this.#lent = undefined;
    currentClock().clearTimeout(this.#timeout);
  }

  /** Delivers in a later turn what may arrive. */
  pump(): void {
    if (this.#isScheduled || this.#isClosed) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      if (!this.#isClosed) this.#deliver();
    });
  }

  get #dueMs(): number {
    return monotonicMs() + this.#faults.latencyMs;
  }

  #add(chunk: Buffer): Piece {
    activity.moves++;
    this.watch.losesCloseFrames = this.#faults.losesCloseFrames;
    const piece = { bytes: this.watch.pass(chunk), dueMs: this.#dueMs };
    if (piece.bytes.length > 0) this.#inFlight.push(piece);
    this.#inFlightBytes += piece.bytes.length;
    this.pump();
    return piece;
  }

  /** Whether bytes are on their way. */
  get isBusy(): boolean {
    return this.#inFlightBytes > 0;
  }

  #deliver(): void {
    if (this.#end.isGone) {
      if (this.isBusy) this.#end.onLost();
      else this.#ended();
      return;
    }
    let deliveredBytes = 0;
    for (let count = 0; count < PIECES_PER_TURN && deliveredBytes < BYTES_PER_TURN; count++) {
      const [piece] = this.#inFlight;
      if (piece === undefined || this.#faults.isStalled || !this.#end.isWanting) return;
      if (!this.#mayArrive(piece)) return;
      activity.moves++;
      if (piece.bytes.length === 0) this.#deliverEnd();
      else deliveredBytes += this.#deliverBytes(piece);
      // A listener may have closed the connection.
      if (this.#isClosed) return;
    }
    this.pump();
  }

  #mayArrive(piece: Piece): boolean {
    const now = monotonicMs();
    if (piece.dueMs > now) return this.#waitFor(piece.dueMs - now);
    if (this.#faults.bytesPerSecond === Infinity) return true;
    if (now >= this.#nextTickMs) {
      this.#nextTickMs = now + SLOW_TICK_MS;
      this.#budgetBytes = Math.max(1, Math.floor((this.#faults.bytesPerSecond * SLOW_TICK_MS) / 1000));
    }
    return this.#budgetBytes > 0 || piece.bytes.length === 0 || this.#waitFor(this.#nextTickMs - now);
  }

  #waitFor(milliseconds: number): false {
    currentClock().clearTimeout(this.#timeout);
    this.#timeout = currentClock().setTimeout(() => this.pump(), Math.ceil(milliseconds));
    return false;
  }

  /** Returns how many bytes have arrived. */
  #deliverBytes(piece: Piece): number {
    const isSlow = this.#faults.bytesPerSecond !== Infinity;
    const size = Math.min(
      this.#faults.pieceBytes[this.#pieceCount++ % this.#faults.pieceBytes.length] as number,
      BYTES_PER_TURN,
      isSlow ? this.#budgetBytes : Infinity,
      piece.bytes.length,
    );
    const bytes = piece.bytes.subarray(0, size);
    piece.bytes = piece.bytes.subarray(size);
    if (piece.bytes.length === 0) this.#inFlight.shift();
    this.#inFlightBytes -= size;
    if (isSlow) this.#budgetBytes -= size;
    // The reader unmasks in place, so it gets memory of its own.
    this.#end.arrive(Buffer.from(bytes));
    if (this.#inFlightBytes < this.#faults.capacityBytes) this.#release();
    return size;
  }

  #deliverEnd(): void {
    this.#inFlight.shift();
    this.#end.arrive(null);
    this.#ended();
  }

  #ended(): void {
    const done = this.#onEnded;
    this.#onEnded = undefined;
    done?.();
  }

  #release(): void {
    // The writer may change the memory from now on.
    if (this.#lent !== undefined && this.#lent.bytes.length > 0) this.#lent.bytes = Buffer.from(this.#lent.bytes);
    this.#lent = undefined;
    const done = this.#onTaken;
    this.#onTaken = undefined;
    done?.();
  }
}
