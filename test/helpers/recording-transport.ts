import type { Transport, TransportListener } from '../../src/transport/transport.ts';

/** A {@link Transport} that leads nowhere and records its calls. */
export class RecordingTransport implements Transport {
  isBlocked = false;
  bufferedBytes = 0;
  droppedBytes = 0;
  writtenMemory: Transport['writtenMemory'] = 'free';
  listener: TransportListener | undefined;
  /** Calls in order: the text of each write, and `<end>`, `<destroy>` and `<reset>`. */
  readonly calls: string[] = [];
  /** The pieces of each write, as they were passed. */
  readonly writes: (readonly Buffer[])[] = [];

  start(listener: TransportListener): void {
    this.listener = listener;
  }

  write(pieces: readonly Buffer[]): void {
    this.writes.push(pieces);
    this.calls.push(Buffer.concat(pieces).toString('latin1'));
  }

  pause(): void {}

  resume(): void {}

  end(): void {
    this.calls.push('<end>');
  }

  destroy(): void {
    this.calls.push('<destroy>');
  }

  reset(): void {
    this.calls.push('<reset>');
  }
}
