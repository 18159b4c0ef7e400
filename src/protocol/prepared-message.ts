import type { Deflater, TransformDone } from './compression.ts';
import { FIN_BIT, OPCODE_BINARY, OPCODE_TEXT } from './constants.ts';
import { frameHeaderBytes, writeFrameHeader } from './frame-header.ts';

/** The result of one deflater for a message, or the callbacks that wait for the result. */
interface DeflateResult {
  readonly waiting: TransformDone[];
  error: Error | undefined;
  result: Buffer | undefined;
}

/**
 * A message for many peers, which is framed once and compressed once. All connections share the bytes.
 *
 * @remarks Only servers can share frames: a client masks each frame with a new key.
 */
export class PreparedMessage {
  readonly opcode: number;
  /** The payload, which must never change. */
  readonly payload: Buffer;
  /** The whole uncompressed frame, which must never change. */
  readonly frame: Buffer;
  #results: Map<Deflater, DeflateResult> | undefined;

  /** @param data - a string for a text message, bytes for a binary one */
  constructor(data: string | Buffer) {
    const isText = typeof data === 'string';
    this.opcode = isText ? OPCODE_TEXT : OPCODE_BINARY;
    const payloadBytes = isText ? Buffer.byteLength(data, 'utf8') : data.length;
    const headerBytes = frameHeaderBytes(payloadBytes, false);
    const frame = Buffer.allocUnsafeSlow(headerBytes + payloadBytes);
    writeFrameHeader(frame, 0, FIN_BIT | this.opcode, payloadBytes, undefined);
    // The bytes are memory of the user, and most receivers need the frame: one copy serves as both.
    if (isText) frame.write(data, headerBytes, 'utf8');
    else data.copy(frame, headerBytes);
    this.frame = frame;
    this.payload = frame.subarray(headerBytes);
  }

  /** Compresses the payload with a shared deflater. Further calls for the same deflater get the same result. */
  deflate(deflater: Deflater, done: TransformDone): void {
    this.#results ??= new Map();
    const known = this.#results.get(deflater);
    if (known?.result !== undefined) done(known.error, known.result);
    else if (known !== undefined) known.waiting.push(done);
    else {
      const pending: DeflateResult = { waiting: [done], error: undefined, result: undefined };
      this.#results.set(deflater, pending);
      deflater.deflate(this.payload, (error, result) => {
        pending.error = error;
        pending.result = result;
        for (const waiting of pending.waiting.splice(0)) waiting(error, result);
      });
    }
  }
}

/** Longer texts are not compared: the comparison of 64 KiB takes 2 microseconds, and of 1 MiB as long as its encoding. */
const MAX_COMPARED_LENGTH = 65_536;

/** The text that any connection sent last, and its message once the text has been sent twice in a row. */
let lastText: string | undefined;
let lastMessage: PreparedMessage | undefined;

/**
 * Returns a shared message for a text that some connection has just sent: `for (const c of connections) c.send(text)`.
 *
 * @returns undefined for a text other than the last one, which is cheaper to frame directly in the output of its
 *   connection
 */
export function sharedMessage(text: string): PreparedMessage | undefined {
  if (text.length > MAX_COMPARED_LENGTH) return undefined;
  if (text !== lastText) {
    lastText = text;
    lastMessage = undefined;
    return undefined;
  }
  lastMessage ??= new PreparedMessage(text);
  return lastMessage;
}

/** Forgets the last text. Called at the end of a turn of the event loop. */
export function forgetSharedMessage(): void {
  lastText = undefined;
  lastMessage = undefined;
}
