import { connect, type Socket } from 'node:net';
import { isUpgradeAnswer, upgradeRequest } from './handshake.ts';

/** All connections read into the same memory: their bytes are counted, not kept. */
const READ_BUFFER = Buffer.allocUnsafeSlow(1_048_576);

/** Hears of a connection. */
export interface RawListener {
  /** `bytes[0..count)` have come; the memory is reused after the call. */
  onBytes(connection: RawConnection, count: number, bytes: Uint8Array): void;
  onLost(reason: string): void;
}

/** Where and how to connect. */
export interface RawTarget {
  /** Of 127.0.0.1. */
  readonly port: number;
  readonly isCompressed: boolean;
  /** Which message it will send first, and get as its first answer; 0 when it sends none. */
  readonly firstVariant?: number;
  /** Address to connect from: each has ports of its own. */
  readonly localAddress?: string;
}

/**
 * A client connection that costs as little as Node allows: no frames are read, bytes are counted by its listener.
 */
export class RawConnection {
  // Kept here for the listener.
  /** Place among the connections of a load. */
  index = 0;
  /** Which message is sent next. */
  nextVariant: number;
  /** Which message is answered next. */
  answerVariant: number;
  /** Bytes of that answer that have come. */
  unclaimedBytes = 0;
  /** Messages of the current exchange that are not answered; while they flow, as many as at its beginning. */
  outstanding = 0;
  readonly #socket: Socket;
  readonly #listener: RawListener;
  readonly #isCompressed: boolean;
  #head = '';
  #isOpen = false;
  #isClosing = false;
  #onOpen: (() => void) | undefined;

  /** Connects, and resolves when the handshake is complete. */
  static open(target: RawTarget, listener: RawListener): Promise<RawConnection> {
    return new Promise((resolve) => {
      const connection = new RawConnection(target, listener);
      connection.#onOpen = () => resolve(connection);
    });
  }

  private constructor({ port, isCompressed, firstVariant = 0, localAddress }: RawTarget, listener: RawListener) {
    this.nextVariant = firstVariant;
    this.answerVariant = firstVariant;
    this.#listener = listener;
    this.#isCompressed = isCompressed;
    this.#socket = connect({
      host: '127.0.0.1',
      port,
      ...(localAddress !== undefined && { localAddress }),
      noDelay: true,
      onread: {
        buffer: READ_BUFFER,
        callback: (count, bytes) => {
          if (this.#isOpen) this.#listener.onBytes(this, count, bytes);
          else this.#onHead(Buffer.from(bytes.buffer, bytes.byteOffset, count));
          return true;
        },
      },
    });
    this.#socket.on('error', (error) => this.#lose(error.message));
    this.#socket.on('close', () => this.#lose('closed by the server'));
    this.#socket.write(upgradeRequest(isCompressed, firstVariant));
  }

  write(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  /** Ends the connection with a reset, so that thousands of them leave no port in TIME_WAIT. */
  reset(): void {
    this.#isClosing = true;
    this.#socket.resetAndDestroy();
  }

  #onHead(bytes: Buffer): void {
    this.#head += bytes.toString('latin1');
    const end = this.#head.indexOf('\r\n\r\n');
    if (end < 0) return;
    if (!isUpgradeAnswer(this.#head, this.#isCompressed)) {
      this.#lose(`the handshake was refused: ${this.#head.split('\r\n', 1)[0]}`);
      return;
    }
    const rest = Buffer.from(this.#head.slice(end + 4), 'latin1');
    this.#head = '';
    this.#isOpen = true;
    this.#onOpen?.();
    if (rest.length > 0) this.#listener.onBytes(this, rest.length, rest);
  }

  #lose(reason: string): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#listener.onLost(reason);
  }
}
