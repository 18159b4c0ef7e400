import { connect, type Socket } from 'node:net';
import { FrameReader } from '../../conformance/runner/frame-code.ts';
import { createDeferred } from '../../helpers/deferred.ts';
import { handshakeRequest, type RequestOptions } from '../../helpers/handshake-request.ts';
import type { Ending } from '../attack.ts';

/** Where the server is, and where the peers come from. */
export interface Target {
  readonly port: number;
  readonly localAddress: string;
}

/** What a peer does about the end of the stream. */
export interface HostilePeerOptions {
  /** Whether it keeps its side open when the server has ended its own. */
  readonly keepsOpen?: boolean;
}

const HEAD_END = '\r\n\r\n';

/** A client that is free to break every rule, and tells how the server ended it. */
export class HostilePeer {
  readonly #socket: Socket;
  readonly #connected = createDeferred();
  readonly #opened = createDeferred<boolean>();
  readonly #ended = createDeferred<Ending>();
  readonly #closed = createDeferred();
  readonly #reader = new FrameReader('client', true);
  #head: Buffer | undefined = Buffer.alloc(0);
  #isConnected = false;
  #hasEnded = false;
  /** What the server has said about the end, before the stream ends. */
  #ending: Ending | undefined;

  constructor({ port, localAddress }: Target, { keepsOpen = false }: HostilePeerOptions = {}) {
    this.#socket = connect({ host: '127.0.0.1', port, localAddress, allowHalfOpen: keepsOpen, noDelay: true });
    this.#socket.on('connect', () => {
      this.#isConnected = true;
      this.#connected.resolve();
    });
    this.#socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    this.#socket.on('end', () => this.#end('cut off'));
    this.#socket.on('error', (error: NodeJS.ErrnoException) =>
      this.#end(this.#isConnected ? 'reset' : `connect ${error.code}`),
    );
    this.#socket.on('close', () => {
      this.#end('cut off');
      this.#closed.resolve();
    });
  }

  /** Resolves when TCP is connected, or that has failed. */
  get connected(): Promise<void> {
    return this.#connected.promise;
  }

  /** Resolves with whether the server has opened the connection. */
  get opened(): Promise<boolean> {
    return this.#opened.promise;
  }

  /** Resolves when the server has ended its side, with how it did. A peer that does not read never hears of it. */
  get ended(): Promise<Ending> {
    return this.#ended.promise;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Resolves when this side's socket is closed too. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  request(options: RequestOptions = {}): void {
    void this.write(handshakeRequest(options));
  }

  /** Writes, and resolves when more can be written: at once when the connection is over. */
  async write(bytes: Buffer | string): Promise<void> {
    if (!this.#socket.writable || this.#socket.write(bytes)) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.#socket.off('drain', done).off('close', done);
        resolve();
      };
      this.#socket.on('drain', done).on('close', done);
    });
  }

  stopReading(): void {
    this.#socket.pause();
  }

  readOn(): void {
    this.#socket.resume();
  }

  reset(): void {
    this.#ending ??= 'own reset';
    this.#socket.resetAndDestroy();
  }

  #onData(chunk: Buffer): void {
    if (this.#ending !== undefined) return;
    if (this.#head === undefined) this.#readFrames(chunk);
    else this.#readHead(Buffer.concat([this.#head, chunk]));
  }

  #readHead(head: Buffer): void {
    this.#head = head;
    const end = head.indexOf(HEAD_END);
    if (end < 0) return;
    this.#head = undefined;
    const status = head.toString('latin1', 'HTTP/1.1 '.length, 'HTTP/1.1 '.length + 3);
    if (status !== '101') {
      this.#ending = `HTTP ${status}`;
      this.#opened.resolve(false);
      return;
    }
    this.#opened.resolve(true);
    this.#readFrames(head.subarray(end + HEAD_END.length));
  }

  #readFrames(chunk: Buffer): void {
    this.#reader.push(chunk);
    try {
      for (let frame = this.#reader.read(); frame !== undefined; frame = this.#reader.read()) {
        if (frame.opcode !== 8) continue;
        this.#ending = frame.payload.length === 0 ? '1005' : String(frame.payload.readUInt16BE(0));
        return;
      }
    } catch (error) {
      this.#ending = `violation: ${(error as Error).message}`;
    }
  }

  #end(otherwise: Ending): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#connected.resolve();
    this.#opened.resolve(false);
    this.#ended.resolve(this.#ending ?? otherwise);
  }
}
