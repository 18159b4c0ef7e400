import type { Deflater, TransformDone } from './compression.ts';
import { FIN_BIT, OPCODE_BINARY, OPCODE_TEXT } from './constants.ts';
import { frameHeaderBytes, writeFrameHeader } from './frame-header.ts';

/** A message that one deflater compresses, or has compressed. */
interface Compressed {
  readonly waiting: TransformDone[];
  error: Error | undefined;
  result: Buffer | undefined;
}

/**
 * A message that goes to many peers: framed once and compressed once, its bytes shared by all of them.
 *
 * @remarks For servers only: a client masks each frame with a key of its own.
 */
export class PreparedMessage {
  readonly opcode: number;
  /** Must never change. */
  readonly payload: Buffer;
  #frame: Buffer | undefined;
  #compressed: Map<Deflater, Compressed> | undefined;

  /** @param data - a string for a text message, bytes for a binary one */
  constructor(data: string | Buffer) {
    const isText = typeof data === 'string';
    this.opcode = isText ? OPCODE_TEXT : OPCODE_BINARY;
    this.payload = isText ? Buffer.from(data, 'utf8') : data;
  }

  /** The whole frame, not compressed. Must never change. */
  get frame(): Buffer {
    if (this.#frame === undefined) {
      const { length } = this.payload;
      const headerBytes = frameHeaderBytes(length, false);
      this.#frame = Buffer.allocUnsafeSlow(headerBytes + length);
      writeFrameHeader(this.#frame, 0, FIN_BIT | this.opcode, length, undefined);
      this.payload.copy(this.#frame, headerBytes);
    }
    return this.#frame;
  }

  /** Compresses the payload by a deflater that is shared; a second call for the same deflater gets the same result. */
  deflate(deflater: Deflater, done: TransformDone): void {
    this.#compressed ??= new Map();
    const known = this.#compressed.get(deflater);
    if (known?.result !== undefined) done(known.error, known.result);
    else if (known !== undefined) known.waiting.push(done);
    else {
      const compressed: Compressed = { waiting: [done], error: undefined, result: undefined };
      this.#compressed.set(deflater, compressed);
      deflater.deflate(this.payload, (error, result) => {
        compressed.error = error;
        compressed.result = result;
        for (const waiting of compressed.waiting.splice(0)) waiting(error, result);
      });
    }
  }
}

/** The last text that was sent anywhere, and the message made of it once it was sent for the second time. */
let lastText: string | undefined;
let lastMessage: PreparedMessage | undefined;

/**
 * The message of a text that was the last one sent too, to whomever: `for (const c of connections) c.send(text)`.
 *
 * @returns undefined for a text that is new: framing it for one peer is cheaper in that peer's output
 */
export function sharedMessage(text: string): PreparedMessage | undefined {
  if (text !== lastText) {
    lastText = text;
    lastMessage = undefined;
    return undefined;
  }
  lastMessage ??= new PreparedMessage(text);
  return lastMessage;
}

/** Lets go of the last text: the turn of the event loop is over. */
export function forgetSharedMessage(): void {
  lastText = undefined;
  lastMessage = undefined;
}
