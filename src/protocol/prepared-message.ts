import { FIN_BIT, OPCODE_BINARY, OPCODE_TEXT } from './constants.ts';
import { frameHeaderBytes, writeFrameHeader } from './frame.ts';

/**
 * A message that goes to many peers: framed once, its bytes shared by all of them.
 *
 * @remarks Only servers share frames: a client masks each with a key of its own.
 */
export class PreparedMessage {
  /** The whole frame. It must never change. */
  readonly frame: Buffer;

  /** @param data - a string for a text message, bytes (copied) for a binary one */
  constructor(data: string | Buffer) {
    const isText = typeof data === 'string';
    const payloadBytes = isText ? Buffer.byteLength(data, 'utf8') : data.length;
    const headerBytes = frameHeaderBytes(payloadBytes, false);
    this.frame = Buffer.allocUnsafeSlow(headerBytes + payloadBytes);
    writeFrameHeader(this.frame, 0, FIN_BIT | (isText ? OPCODE_TEXT : OPCODE_BINARY), payloadBytes, undefined);
    if (isText) this.frame.write(data, headerBytes, 'utf8');
    else data.copy(this.frame, headerBytes);
  }
}

/** The last text that was sent anywhere, and its frame once it was sent for the second time. */
let lastText: string | undefined;
let lastMessage: PreparedMessage | undefined;

/**
 * The frame of a text that was the last one sent too, to whomever: what `for (const c of connections) c.send(text)` does.
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
