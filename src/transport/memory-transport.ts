import { setImmediate } from '../base/clock.ts';
import type { Transport, TransportListener } from './transport.ts';

/** An end is blocked once this many written bytes are unread, like a socket at its high-water mark. */
const HIGH_WATER_MARK_BYTES = 65_536;

/**
 * One end of a byte stream that never leaves the process, for tests that need no network.
 *
 * @remarks Bytes are copied, and arrive in a later turn of the event loop, as on a socket.
 */
export class MemoryTransport implements Transport {
  #peer: MemoryTransport | undefined;
  #listener: TransportListener | undefined;
  /** Chunks written at this end that the peer has not read. */
  #sent: Buffer[] = [];
  #sentBytes = 0;
  #droppedBytes = 0;
  #isReading = false;
  #isBlocked = false;
  #hasEnded = false;
  #hasReportedEnd = false;
  #isClosed = false;
  #isScheduled = false;

  /** Creates both ends. */
  static pair(): [MemoryTransport, MemoryTransport] {
    const left = new MemoryTransport();
    const right = new MemoryTransport();
    left.#peer = right;
    right.#peer = left;
    return [left, right];
  }

  get bufferedBytes(): number {
    return this.#sentBytes;
  }

  get droppedBytes(): number {
    return this.#droppedBytes;
  }

  get isBlocked(): boolean {
    return this.#isBlocked;
  }

  /** Bytes are copied when they are written. */
  get writtenMemory(): 'free' {
    return 'free';
  }

  start(listener: TransportListener): void {
    this.#listener = listener;
    if (this.#isClosed) setImmediate(() => this.#reportClosed(undefined));
  }

  write(pieces: readonly Buffer[]): void {
    const chunk = Buffer.concat(pieces);
    if (this.#isClosed || this.#hasEnded) {
      this.#droppedBytes += chunk.length;
      return;
    }
    this.#sent.push(chunk);
    this.#sentBytes += chunk.length;
    if (this.#sentBytes >= HIGH_WATER_MARK_BYTES) this.#isBlocked = true;
    this.#schedule();
  }

  pause(): void {
    this.#isReading = false;
  }

  resume(): void {
    this.#isReading = true;
    (this.#peer as MemoryTransport).#schedule();
  }

  end(): void {
    this.#hasEnded = true;
    this.#schedule();
  }

  destroy(): void {
    this.#close(undefined);
    (this.#peer as MemoryTransport).#close(new Error('the other end was destroyed'));
  }

  reset(): void {
    this.destroy();
  }

  /** Schedules the delivery to the peer for a later turn of the event loop. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.#deliver());
  }

  #deliver(): void {
    this.#isScheduled = false;
    const peer = this.#peer as MemoryTransport;
    while (this.#sent.length > 0 && peer.#isReading && !peer.#isClosed) {
      const chunk = this.#sent.shift() as Buffer;
      this.#sentBytes -= chunk.length;
      peer.#listener?.onBytes(chunk);
    }
    if (this.#isBlocked && this.#sentBytes === 0 && !this.#isClosed) {
      this.#isBlocked = false;
      this.#listener?.onWritable();
    }
    if (this.#hasEnded && this.#sent.length === 0 && peer.#isReading && !peer.#hasReportedEnd && !peer.#isClosed) {
      peer.#hasReportedEnd = true;
      peer.#listener?.onEnd();
    }
    if (this.#hasReportedEnd && peer.#hasReportedEnd) {
      this.#close(undefined);
      peer.#close(undefined);
    }
  }

  #close(error: Error | undefined): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#sent = [];
    this.#sentBytes = 0;
    setImmediate(() => this.#reportClosed(error));
  }

  #reportClosed(error: Error | undefined): void {
    const listener = this.#listener;
    this.#listener = undefined;
    listener?.onClosed(error);
  }
}
