import type { FourDError } from '../../src/errors.ts';
import type { ProtocolSink } from '../../src/protocol/sink.ts';

/**
 * Records the calls of a connection as a plain list: `text Hello`, `bytes 0102`, `ping 01`, `pong`,
 * `close 1000 "bye"`, `close 1005`, `fail ERR_INVALID_UTF8 1007`.
 */
export class RecordingSink implements ProtocolSink {
  partialMessageStaleMs = 0;
  readonly events: string[] = [];
  readonly messages: (string | Buffer)[] = [];
  readonly errors: FourDError[] = [];
  /** Number of calls of onQueuedMessageFramed. */
  framed = 0;
  /** Number of calls of onCompressed. */
  compressed = 0;
  readonly inflating: boolean[] = [];
  /** Runs within each call, after the call was recorded. */
  onEvent: ((event: string) => void) | undefined;

  onMessage(data: string | Buffer, isText: boolean): void {
    this.messages.push(data);
    if (typeof data === 'string') this.#record(`text ${data}`);
    else this.#record(`${isText ? 'text as bytes' : 'bytes'} ${data.toString('hex')}`.trim());
  }

  onPing(payload: Buffer): void {
    this.#record(`ping ${payload.toString('hex')}`.trim());
  }

  onPong(payload: Buffer): void {
    this.#record(`pong ${payload.toString('hex')}`.trim());
  }

  onClose(code: number, reason: string | undefined): void {
    this.#record(reason === undefined ? `close ${code}` : `close ${code} ${JSON.stringify(reason)}`);
  }

  onQueuedMessageFramed(): void {
    this.framed++;
  }

  onCompressed(): void {
    this.compressed++;
  }

  onInflating(isInflating: boolean): void {
    this.inflating.push(isInflating);
  }

  onFail(error: FourDError): void {
    this.errors.push(error);
    this.#record(`fail ${error.code} ${error.closeCode}`);
  }

  #record(event: string): void {
    this.events.push(event);
    this.onEvent?.(event);
  }
}
