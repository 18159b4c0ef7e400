import { Duplex } from 'node:stream';
import { setImmediate } from '../base/clock.ts';
import { activity } from './activity.ts';
import { type Faults, Pipe, type PipeEnd } from './pipe.ts';

const HIGH_WATER_MARK_BYTES = 16_384;

/** The end of a socket, as the other end sees it. */
export interface Addresses {
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
}

type Done = (error?: Error | null) => void;

/** One end of a connection in memory, with the part of `net.Socket` that node:http and the library use. */
export class MemorySocket extends Duplex implements PipeEnd {
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** As on a socket of node:tls, for connections of `wss:`. */
  readonly encrypted: boolean;
  #peer: MemorySocket | undefined;
  #outgoing: Pipe | undefined;
  #isWanting = false;
  #isReset = false;
  #onWritten: Done | undefined;

  constructor(addresses: Addresses, isSecure: boolean) {
    super({ allowHalfOpen: true, highWaterMark: HIGH_WATER_MARK_BYTES });
    this.localAddress = addresses.localAddress;
    this.localPort = addresses.localPort;
    this.remoteAddress = addresses.remoteAddress;
    this.remotePort = addresses.remotePort;
    this.encrypted = isSecure;
  }

  /** Joins two ends. */
  static join(client: MemorySocket, server: MemorySocket, toServer: Faults, toClient: Faults): void {
    client.#peer = server;
    server.#peer = client;
    client.#outgoing = new Pipe(toServer, server);
    server.#outgoing = new Pipe(toClient, client);
  }

  /** What this end sends. Undefined until the ends are joined. */
  get outgoing(): Pipe | undefined {
    return this.#outgoing;
  }

  get isWanting(): boolean {
    return this.#isWanting && !this.destroyed;
  }

  arrive(bytes: Buffer | null): void {
    this.#isWanting = this.push(bytes);
  }

  override _read(): void {
    this.#isWanting = true;
    this.#peer?.outgoing?.pump();
  }

  override _write(chunk: Buffer, _encoding: string, done: Done): void {
    this.#onWritten = done;
    this.#outgoing?.write(chunk, () => this.#written(null));
  }

  override _final(done: Done): void {
    if (this.#outgoing === undefined) done();
    else this.#outgoing.end(done);
  }

  override _destroy(error: Error | null, done: Done): void {
    activity.moves++;
    const peer = this.#peer;
    // As with TCP: what was written still arrives, with the end behind it, unless the connection is reset, or bytes of
    // the peer are left unread.
    const isReset = error !== null || this.#isReset || peer?.outgoing?.isBusy === true;
    if (isReset) this.#outgoing?.close();
    else if (!this.writableEnded) this.#outgoing?.end(() => {});
    this.#written(error ?? new Error('write ECANCELED'));
    setImmediate(() => {
      if (isReset) peer?.destroy(connectionError('read', 'ECONNRESET'));
      else peer?.outgoing?.pump();
    });
    done(error);
  }

  get isGone(): boolean {
    return this.destroyed;
  }

  onLost(): void {
    this.#peer?.destroy(connectionError('read', 'ECONNRESET'));
  }

  resetAndDestroy(): this {
    this.#isReset = true;
    return this.destroy();
  }

  #written(error: Error | null): void {
    const done = this.#onWritten;
    this.#onWritten = undefined;
    done?.(error);
  }

  // Members of net.Socket that mean nothing in memory.

  setTimeout(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }
}

/** Builds an error as Node reports it of a socket. */
export function connectionError(call: 'connect' | 'read', code: string, where = ''): NodeJS.ErrnoException {
  const message = `${call} ${code}${where === '' ? '' : ` ${where}`}`;
  return Object.assign(new Error(message), { code, syscall: call });
}
