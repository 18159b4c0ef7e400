import { createHash } from 'node:crypto';
import type { FourDError } from '../../src/errors.ts';
import type { Ending } from '../../src/connection/closing-state.ts';
import type { Connection, ConnectionListener } from '../../src/connection/connection.ts';
import type { Leftovers } from '../../src/connection/handover.ts';

/** Describes bytes as hex, or by length and hash when there are more than 64. */
export function describeBytes(bytes: Buffer): string {
  return bytes.length <= 64
    ? bytes.toString('hex')
    : `${bytes.length} ${createHash('sha1').update(bytes).digest('hex')}`;
}

/**
 * Records the calls of a connection, which lies below the handlers that the testing kit records, as a plain list: `text Hello`, `bytes 0102`, `closing`,
 * `error ERR_INVALID_UTF8 1007`, `terminated 1000 "bye" clean`, `terminated 1006 unclean`.
 */
export class RecordingConnectionListener implements ConnectionListener {
  readonly events: string[] = [];
  readonly errors: FourDError[] = [];
  /** Number of calls of onWritable. */
  writableCount = 0;
  /** The ending that onTerminated got. */
  terminatedWith: Ending | undefined;
  /** The leftovers that onTerminated got. */
  leftovers: Leftovers | undefined;
  /** Runs within each call, after the call was recorded. */
  onEvent: ((event: string) => void) | undefined;
  #waiting: { isFulfilled: () => boolean; resolve: () => void }[] = [];

  /** Resolves as soon as the condition holds. The condition is checked after each call. */
  async until(isFulfilled: () => boolean): Promise<void> {
    if (isFulfilled()) return;
    await new Promise<void>((resolve) => {
      this.#waiting.push({ isFulfilled, resolve });
    });
  }

  async untilTerminated(): Promise<void> {
    await this.until(() => this.events.at(-1)?.startsWith('terminated') === true);
  }

  /** All events but messages. */
  get ending(): string[] {
    return this.events.filter((event) => !/^(?:text|bytes)/.test(event));
  }

  runReading(receive: (connection: Connection, chunk: Buffer) => void, connection: Connection, chunk: Buffer): void {
    receive(connection, chunk);
  }

  onMessage(data: string | Buffer, isText: boolean): void {
    if (typeof data === 'string') this.#record(`text ${data}`);
    else this.#record(`${isText ? 'text as bytes' : 'bytes'} ${describeBytes(data)}`);
  }

  onDropped(): void {
    this.#record('dropped');
  }

  onClosing(): void {
    this.#record('closing');
  }

  onError(error: FourDError): void {
    this.errors.push(error);
    this.#record(`error ${error.code} ${error.closeCode}`);
  }

  onWritable(): void {
    this.writableCount++;
  }

  onTerminated(ending: Ending, leftovers: Leftovers | undefined): void {
    this.leftovers = leftovers;
    const { code, reason, wasClean } = ending;
    this.terminatedWith = ending;
    const quoted = reason === undefined ? '' : ` ${JSON.stringify(reason)}`;
    this.#record(`terminated ${code}${quoted} ${wasClean ? 'clean' : 'unclean'}`);
  }

  #record(event: string): void {
    this.events.push(event);
    this.onEvent?.(event);
    this.#waiting = this.#waiting.filter(({ isFulfilled, resolve }) => {
      const isOver = isFulfilled();
      if (isOver) resolve();
      return !isOver;
    });
  }
}
