import { once } from 'node:events';
import { connect, type NetConnectOpts, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { createDeferred } from './deferred.ts';

/** A client of plain HTTP whose bytes the test writes by hand, several requests at a time. It ends with the test. */
export class PlainClient {
  readonly socket: Socket;
  /** What has arrived so far, as Latin-1. */
  text = '';
  readonly #closed = createDeferred();
  #waiting: { readonly isThere: () => boolean; readonly resolve: () => void }[] = [];
  #isClosed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (piece: string) => {
      this.text += piece;
      this.#look();
    });
    // Node emits 'close' after every 'error'.
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#isClosed = true;
      this.#closed.resolve();
      this.#look();
    });
  }

  static async connect(to: number | NetConnectOpts): Promise<PlainClient> {
    const socket = connect(typeof to === 'number' ? { host: '127.0.0.1', port: to } : to);
    onTestFinished(() => void socket.destroy());
    const client = new PlainClient(socket);
    await once(socket, 'connect');
    return client;
  }

  /** Connects and sends requests in one piece. */
  static async send(to: number | NetConnectOpts, ...requests: readonly string[]): Promise<PlainClient> {
    const client = await PlainClient.connect(to);
    client.socket.write(requests.join(''), 'latin1');
    return client;
  }

  /** Resolves when the connection is over. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** The statuses of all answers so far, in order. Bodies must not look like answers. */
  get statuses(): number[] {
    return Array.from(this.text.matchAll(/HTTP\/1\.1 (\d{3}) /g), ([, status]) => Number(status));
  }

  /** Resolves when this text has arrived. Rejects when the connection ends before. */
  async until(text: string): Promise<void> {
    await this.#when(() => this.text.includes(text));
    if (!this.text.includes(text)) throw new Error(`the connection ended behind ${JSON.stringify(this.text)}`);
  }

  /** Resolves when this many answers have begun. Rejects when the connection ends before. */
  async answers(count: number): Promise<number[]> {
    await this.#when(() => this.statuses.length >= count);
    if (this.statuses.length < count) throw new Error(`the connection ended behind ${this.statuses.join()}`);
    return this.statuses;
  }

  async #when(isThere: () => boolean): Promise<void> {
    if (isThere() || this.#isClosed) return;
    await new Promise<void>((resolve) => this.#waiting.push({ isThere, resolve }));
  }

  #look(): void {
    const ready = this.#waiting.filter(({ isThere }) => isThere() || this.#isClosed);
    this.#waiting = this.#waiting.filter((each) => !ready.includes(each));
    for (const { resolve } of ready) resolve();
  }
}

/** Builds a request without a body. */
export function plainRequest(path: string, headerLines: readonly string[] = [], method = 'GET'): string {
  return `${[`${method} ${path} HTTP/1.1`, 'Host: localhost', ...headerLines].join('\r\n')}\r\n\r\n`;
}
