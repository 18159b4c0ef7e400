import { connect, type Socket } from 'node:net';
import { isUpgradeAnswer, upgradeRequest } from './handshake.ts';

/** All connections read into this memory, because their bytes are compared at once and not kept. */
const READ_BUFFER = Buffer.allocUnsafeSlow(1_048_576);

/** Listener of a connection. */
export interface RawListener {
  /** Called when `bytes[0..count)` have come. The memory is reused after the call. */
  onBytes(connection: RawConnection, count: number, bytes: Uint8Array): void;
  onLost(reason: string): void;
}

/** Target and options of a connection. */
export interface RawTarget {
  /** Port of 127.0.0.1. */
  readonly port: number;
  readonly isCompressed: boolean;
  /** Number of the first message and of its answer; 0 when the connection sends none. */
  readonly firstVariant?: number;
  /** Address to connect from; each address has its own ports. */
  readonly localAddress?: string;
  /** The head of the request. Default: {@link upgradeRequest}. */
  readonly request?: string;
}

/**
 * A client connection that costs as little as Node allows: it reads no frames, and its listener counts the bytes.
 */
export class RawConnection {
  // The following fields belong to the listener.
  /** Position among the connections of a load. */
  index = 0;
  /** Number of the next message to send. */
  nextVariant: number;
  /** Number of the next answer to come. */
  answerVariant: number;
  /** Number of bytes of that answer that have come. */
  unclaimedBytes = 0;
  /** Messages of the current exchange without an answer; while messages flow, the number at the beginning. */
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

  private constructor(
    { port, isCompressed, firstVariant = 0, localAddress, request }: RawTarget,
    listener: RawListener,
  ) {
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
    this.#socket.write(request ?? upgradeRequest(isCompressed, firstVariant));
  }

  write(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  /** Reads nothing more until {@link resume}. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
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
