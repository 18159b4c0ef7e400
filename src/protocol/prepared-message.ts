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
  #frame: Buffer | undefined;
  #results: Map<Deflater, DeflateResult> | undefined;

  /** @param data - a string for a text message, bytes for a binary one */
  constructor(data: string | Buffer) {
    const isText = typeof data === 'string';
    this.opcode = isText ? OPCODE_TEXT : OPCODE_BINARY;
    if (isText) {
      this.payload = Buffer.from(data, 'utf8');
      return;
    }
    // The bytes are memory of the user, and most receivers need the frame: one copy serves as both.
    this.#frame = buildFrame(this.opcode, data);
    this.payload = this.#frame.subarray(this.#frame.length - data.length);
  }

  /** The whole uncompressed frame, which must never change. */
  get frame(): Buffer {
    this.#frame ??= buildFrame(this.opcode, this.payload);
    return this.#frame;
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

function buildFrame(opcode: number, payload: Buffer): Buffer {
  const headerBytes = frameHeaderBytes(payload.length, false);
  const frame = Buffer.allocUnsafeSlow(headerBytes + payload.length);
  writeFrameHeader(frame, 0, FIN_BIT | opcode, payload.length, undefined);
  payload.copy(frame, headerBytes);
  return frame;
}

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
