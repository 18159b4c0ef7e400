import { logFrame } from '../diagnostics/debug-log.ts';
import {
  FIN_BIT,
  MASK_BIT,
  OPCODE_BINARY,
  OPCODE_CLOSE,
  OPCODE_PING,
  OPCODE_PONG,
  OPCODE_TEXT,
} from '../protocol/constants.ts';
import type { Transport, TransportListener } from '../transport/transport.ts';

const OPCODE_NAMES: Readonly<Record<number, string>> = {
  0: 'continuation',
  [OPCODE_TEXT]: 'text',
  [OPCODE_BINARY]: 'binary',
  [OPCODE_CLOSE]: 'close',
  [OPCODE_PING]: 'ping',
  [OPCODE_PONG]: 'pong',
};

/** The connection that a line is about. */
interface FrameOwner {
  readonly side: 'client' | 'server';
  readonly id: number;
}

/**
 * Logs the frames that a transport carries, never what they say. The transport is only put in between when `NODE_DEBUG` asks
 * for it, so that it costs nothing otherwise.
 *
 * @param head - bytes of the peer that came with the handshake
 * @param answerBytes - length of the HTTP answer that is written in front of all frames
 */
export function logFrames(transport: Transport, head: Buffer, answerBytes: number, owner: FrameOwner): Transport {
  const incoming = new FrameScanner('in', owner, 0);
  incoming.take(head);
  return new LoggedTransport(transport, incoming, new FrameScanner('out', owner, answerBytes));
}

/** Reads the headers of the frames in a byte stream, and logs them. */
class FrameScanner {
  readonly #direction: 'in' | 'out';
  readonly #owner: FrameOwner;
  /** Bytes to leave out: the HTTP answer, or a payload. */
  #skipped: number;
  #header: number[] = [];

  constructor(direction: 'in' | 'out', owner: FrameOwner, skipped: number) {
    this.#direction = direction;
    this.#owner = owner;
    this.#skipped = skipped;
  }

  take(chunk: Buffer): void {
    for (let at = 0; at < chunk.length;) {
      if (this.#skipped > 0) {
        const count = Math.min(this.#skipped, chunk.length - at);
        at += count;
        this.#skipped -= count;
        continue;
      }
      this.#header.push(chunk[at++] as number);
      this.#logWholeHeader();
    }
  }

  #logWholeHeader(): void {
    const [first = 0, second] = this.#header;
    if (second === undefined) return;
    const shortLength = second & (MASK_BIT - 1);
    const lengthBytes = shortLength < 126 ? 0 : shortLength === 126 ? 2 : 8;
    if (this.#header.length < 2 + lengthBytes + (second >= MASK_BIT ? 4 : 0)) return;
    const longLength = this.#header.slice(2, 2 + lengthBytes).reduce((sum, byte) => sum * 256 + byte, 0);
    const bytes = lengthBytes === 0 ? shortLength : longLength;
    this.#header = [];
    this.#skipped = bytes;
    const opcode = first & 0x0f;
    logFrame({
      ...this.#owner,
      direction: this.#direction,
      opcode: OPCODE_NAMES[opcode] ?? opcode,
      bytes,
      fin: first >= FIN_BIT ? 1 : 0,
      rsv: (first >> 4) & 7,
    });
  }
}

/** A transport that shows its bytes to two scanners. */
class LoggedTransport implements Transport {
  readonly #transport: Transport;
  readonly #incoming: FrameScanner;
  readonly #outgoing: FrameScanner;

  constructor(transport: Transport, incoming: FrameScanner, outgoing: FrameScanner) {
    this.#transport = transport;
    this.#incoming = incoming;
    this.#outgoing = outgoing;
  }

  get bufferedBytes(): number {
    return this.#transport.bufferedBytes;
  }

  get droppedBytes(): number {
    return this.#transport.droppedBytes;
  }

  get isBlocked(): boolean {
    return this.#transport.isBlocked;
  }

  get writtenMemory(): Transport['writtenMemory'] {
    return this.#transport.writtenMemory;
  }

  start(listener: TransportListener): void {
    this.#transport.start({
      onBytes: (chunk) => {
        this.#incoming.take(chunk);
        listener.onBytes(chunk);
      },
      onWritable: () => listener.onWritable(),
      onEnd: () => listener.onEnd(),
      onClosed: (error) => listener.onClosed(error),
    });
  }

  write(pieces: readonly Buffer[]): void {
    for (const piece of pieces) this.#outgoing.take(piece);
    this.#transport.write(pieces);
  }

  pause(): void {
    this.#transport.pause();
  }

  resume(): void {
    this.#transport.resume();
  }

  end(): void {
    this.#transport.end();
  }

  destroy(): void {
    this.#transport.destroy();
  }

  reset(): void {
    this.#transport.reset();
  }
}
