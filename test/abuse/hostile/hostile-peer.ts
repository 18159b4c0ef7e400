import { connect, type Socket } from 'node:net';
import { FrameReader } from '../../conformance/runner/frame-code.ts';
import { createDeferred } from '../../helpers/deferred.ts';
import { handshakeRequest, type RequestOptions } from '../../helpers/handshake-request.ts';
import type { Ending } from '../attack.ts';

/** The port of the server, and the address that the peers connect from. */
export interface Target {
  readonly port: number;
  readonly localAddress: string;
}

/** Options of a hostile peer. */
export interface HostilePeerOptions {
  /** Whether the peer keeps its side of TCP open when the server has ended its own. */
  readonly keepsOpen?: boolean;
}

const HEAD_END = '\r\n\r\n';

/** A client that can break every rule, and reports how the server ended it. */
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
  /** The ending that the server announced, before the stream ends. */
  #ending: Ending | undefined;
  /** Bytes that an HTTP answer has announced and that have not come. */
  #missingBodyBytes = 0;

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

  /** Resolves when TCP is connected or has failed to connect. */
  get connected(): Promise<void> {
    return this.#connected.promise;
  }

  /** Resolves with true when the server has opened the connection, false when it has not. */
  get opened(): Promise<boolean> {
    return this.#opened.promise;
  }

  /** Resolves with the ending when the server has ended its side. A peer that does not read never notices. */
  get ended(): Promise<Ending> {
    return this.#ended.promise;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Resolves when the peer's own socket is closed. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  request(options: RequestOptions = {}): void {
    void this.write(handshakeRequest(options));
  }

  /** Writes, and resolves when more can be written, or at once when the connection has ended. */
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

  resumeReading(): void {
    this.#socket.resume();
  }

  /** Ends this side of TCP. */
  end(): void {
    this.#socket.end();
  }

  reset(): void {
    this.#ending ??= 'own reset';
    this.#socket.resetAndDestroy();
  }

  #onData(chunk: Buffer): void {
    this.#missingBodyBytes -= chunk.length;
    if (this.#ending !== undefined) return;
    if (this.#head === undefined) this.#readFrames(chunk);
    else this.#readHead(Buffer.concat([this.#head, chunk]));
  }

  #readHead(head: Buffer): void {
    this.#head = head;
    const end = head.indexOf(HEAD_END);
    if (end < 0) return;
    this.#head = undefined;
    const lines = head.toString('latin1', 0, end);
    const status = lines.slice('HTTP/1.1 '.length, 'HTTP/1.1 '.length + 3);
    const rest = head.subarray(end + HEAD_END.length);
    this.#opened.resolve(status === '101');
    if (status === '101') {
      this.#readFrames(rest);
    } else {
      this.#missingBodyBytes = Number(/\r\nContent-Length: (\d+)/i.exec(lines)?.[1] ?? 0) - rest.length;
      this.#ending = `HTTP ${status}`;
    }
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

  #end(fallback: Ending): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#connected.resolve();
    this.#opened.resolve(false);
    const isPartial = this.#missingBodyBytes > 0 && this.#ending?.startsWith('HTTP') === true;
    this.#ended.resolve(isPartial ? `${this.#ending} in part` : (this.#ending ?? fallback));
  }
}
