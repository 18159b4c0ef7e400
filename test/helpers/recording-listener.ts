import type { Transport, TransportListener } from '../../src/transport/transport.ts';

/** Records the calls of a {@link Transport}, which no user of the testing kit sees, and lets a test wait for them. */
export class RecordingListener implements TransportListener {
  /** All calls but onBytes: `drain`, `end`, `closed`. */
  readonly events: string[] = [];
  readonly chunks: Buffer[] = [];
  /** The memory that the chunks were passed in. */
  readonly memories: Set<ArrayBufferLike> = new Set();
  byteCount = 0;
  error: Error | undefined;
  /** Runs within each call, after the call was recorded. */
  onEvent: ((event: string) => void) | undefined;
  #waiting: { isFulfilled: () => boolean; resolve: () => void }[] = [];

  /** Starts a transport and, unless `reads` is false, reads from it. */
  static on(transport: Transport, { reads = true }: { readonly reads?: boolean } = {}): RecordingListener {
    const listener = new RecordingListener();
    transport.start(listener);
    if (reads) transport.resume();
    return listener;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }

  /** Resolves as soon as the condition holds. The condition is checked after each call. */
  async until(isFulfilled: () => boolean): Promise<void> {
    if (isFulfilled()) return;
    await new Promise<void>((resolve) => {
      this.#waiting.push({ isFulfilled, resolve });
    });
  }

  onBytes(chunk: Buffer): void {
    this.memories.add(chunk.buffer);
    // The transport may reuse the memory of the chunk after this call.
    this.chunks.push(Buffer.from(chunk));
    this.byteCount += chunk.length;
    this.#report('bytes');
  }

  onWritable(): void {
    this.#record('drain');
  }

  onEnd(): void {
    this.#record('end');
  }

  onClosed(error: Error | undefined): void {
    this.error = error;
    this.#record('closed');
  }

  #record(event: string): void {
    this.events.push(event);
    this.#report(event);
  }

  #report(event: string): void {
    this.onEvent?.(event);
    const waiting = this.#waiting;
    this.#waiting = waiting.filter(({ isFulfilled, resolve }) => {
      const isOver = isFulfilled();
      if (isOver) resolve();
      return !isOver;
    });
  }
}
