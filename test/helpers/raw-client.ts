import { once } from 'node:events';
import { connect, type NetConnectOpts, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { createDeferred } from './deferred.ts';
import { describeFrames, frame, lengthOfFrame } from './frames.ts';
import { handshakeRequest, type RequestOptions } from './handshake-request.ts';
import { Inbox } from './inbox.ts';

/** An answer to a handshake request. */
export interface HttpAnswer {
  readonly status: number;
  /** Status line and header lines. */
  readonly lines: readonly string[];
  /** Values by name in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** The body, whose length Content-Length gives. */
  readonly body: string;
}

/** Options of a handshake request. */
export interface HandshakeOptions extends RequestOptions {
  /** Bytes behind the request, in the same TCP segment. */
  readonly behind?: Uint8Array;
}

/** Returns the payload of a close frame as hex, for {@link RawClient.send}. */
export function closePayload(code: number, reason = ''): string {
  return code.toString(16).padStart(4, '0') + Buffer.from(reason, 'utf8').toString('hex');
}

/** A client whose bytes the test writes by hand, also invalid bytes. The client ends with the test. */
export class RawClient {
  readonly socket: Socket;
  /** The frames that arrived, described like `81 48656c6c6f`. */
  readonly frames = new Inbox<string>();
  readonly #answered = createDeferred<HttpAnswer>();
  readonly #ended = createDeferred();
  readonly #closed = createDeferred<Error | undefined>();
  #error: Error | undefined;
  #received = Buffer.alloc(0);
  #hasAnswer = false;
  #hasEnded = false;
  #hasClosed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      if (!this.#hasAnswer) this.#readAnswer();
      if (this.#hasAnswer) this.#readFrames();
    });
    socket.on('end', () => {
      this.#hasEnded = true;
      this.#ended.resolve();
    });
    socket.on('error', (error) => {
      this.#error = error;
    });
    socket.on('close', () => {
      this.#hasClosed = true;
      this.#closed.resolve(this.#error);
    });
  }

  /** Connects without sending anything. */
  static async connect(to: number | NetConnectOpts): Promise<RawClient> {
    const target = typeof to === 'number' ? { host: '127.0.0.1', port: to } : to;
    const socket = connect({ ...target, allowHalfOpen: true });
    onTestFinished(() => void socket.destroy());
    const client = new RawClient(socket);
    await once(socket, 'connect');
    return client;
  }

  /** Connects and sends a handshake request. */
  static async request(to: number | NetConnectOpts, options: HandshakeOptions = {}): Promise<RawClient> {
    const client = await RawClient.connect(to);
    client.requestHandshake(options);
    return client;
  }

  /** Connects and waits for the 101. Throws when the server refuses. */
  static async open(to: number | NetConnectOpts, options: HandshakeOptions = {}): Promise<RawClient> {
    const client = await RawClient.request(to, options);
    const { status } = await client.answered;
    if (status !== 101) throw new Error(`the server refused with HTTP ${status}`);
    return client;
  }

  /** Resolves with the answer to the handshake, complete with its body. */
  get answered(): Promise<HttpAnswer> {
    return this.#answered.promise;
  }

  get hasAnswer(): boolean {
    return this.#hasAnswer;
  }

  /** Resolves when the server has ended its side. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Resolves when the connection is over, with the error that ended it. */
  get closed(): Promise<Error | undefined> {
    return this.#closed.promise;
  }

  get hasClosed(): boolean {
    return this.#hasClosed;
  }

  /** Bytes that arrived and are not a complete answer or frame yet. */
  get unread(): Buffer {
    return this.#received;
  }

  requestHandshake({ behind = new Uint8Array(), ...options }: HandshakeOptions = {}): void {
    this.socket.write(Buffer.concat([Buffer.from(handshakeRequest(options), 'latin1'), behind]));
  }

  /** Sends a frame: first byte and payload as hex. */
  send(first: string, payload: string | Uint8Array = ''): void {
    this.socket.write(frame('client', first, payload));
  }

  sendText(text: string): void {
    this.send('81', Buffer.from(text, 'utf8'));
  }

  /** Sends a close frame. */
  sendClose(code: number, reason = ''): void {
    this.send('88', closePayload(code, reason));
  }

  /** Waits for a close frame, answers it, and ends TCP after the server, as RFC 6455 section 7.1.1 demands. */
  async endInOrder(): Promise<void> {
    this.send('88', (await this.nextClose()).slice('88 '.length));
    await this.ended;
    this.socket.end();
    await this.closed;
  }

  /** Resolves to the next frame. */
  nextFrame(): Promise<string> {
    return this.frames.next();
  }

  /** Resolves to the text of the next frame, which must be a text message. */
  async nextText(): Promise<string> {
    const next = await this.nextFrame();
    if (!next.startsWith('81')) throw new Error(`not a text message: ${next}`);
    return Buffer.from(next.slice('81 '.length), 'hex').toString('utf8');
  }

  /** Resolves to the next frame, which must be a close frame. */
  async nextClose(): Promise<string> {
    const next = await this.nextFrame();
    if (!next.startsWith('88')) throw new Error(`not a close frame: ${next}`);
    return next;
  }

  #readAnswer(): void {
    const end = this.#received.indexOf('\r\n\r\n');
    if (end < 0) return;
    const lines = this.#received.toString('latin1', 0, end).split('\r\n');
    const headers = new Map(
      lines.slice(1).map((line) => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
      }),
    );
    const bodyBytes = Number(headers.get('content-length') ?? 0);
    const rest = this.#received.subarray(end + 4);
    if (rest.length < bodyBytes) return;
    this.#hasAnswer = true;
    this.#received = rest.subarray(bodyBytes);
    const status = Number(lines[0]!.split(' ')[1]);
    this.#answered.resolve({ status, lines, headers, body: rest.toString('utf8', 0, bodyBytes) });
  }

  #readFrames(): void {
    for (;;) {
      const frameBytes = lengthOfFrame(this.#received);
      if (frameBytes === undefined || frameBytes > this.#received.length) return;
      const [seen] = describeFrames(this.#received.subarray(0, frameBytes), 'server');
      this.#received = this.#received.subarray(frameBytes);
      this.frames.push(seen!);
    }
  }
}
