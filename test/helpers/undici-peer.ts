import { onTestFinished } from 'vitest';
import { WebSocket } from 'undici';
import { createDeferred } from './deferred.ts';
import { Inbox } from './inbox.ts';

/** The close event of a browser-like client. */
export interface UndiciClose {
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;
}

/** A connection of undici's WebSocket, which has the interface of browsers. The connection ends with the test. */
export class UndiciPeer {
  readonly socket: WebSocket;
  readonly messages = new Inbox<unknown>();
  readonly #opened = createDeferred();
  readonly #closed = createDeferred<UndiciClose>();
  #hasOpened = false;

  constructor(url: string) {
    this.socket = new WebSocket(url);
    this.socket.binaryType = 'arraybuffer';
    this.socket.addEventListener('open', () => {
      this.#hasOpened = true;
      this.#opened.resolve();
    });
    this.socket.addEventListener('message', ({ data }) => this.messages.push(data));
    this.socket.addEventListener('close', ({ code, reason, wasClean }) =>
      this.#closed.resolve({ code, reason, wasClean }),
    );
    // Every 'error' is followed by 'close'.
    this.socket.addEventListener('error', () => {});
    onTestFinished(async () => {
      this.socket.close();
      await this.closed;
    });
  }

  get opened(): Promise<void> {
    return this.#opened.promise;
  }

  get hasOpened(): boolean {
    return this.#hasOpened;
  }

  get closed(): Promise<UndiciClose> {
    return this.#closed.promise;
  }
}
