import { frameHeaderBytes, writeFrameHeader } from '../protocol/frame-header.ts';
import { FIN_BIT, RSV1_BIT } from '../protocol/constants.ts';
import { toBuffer } from './data.ts';

/** What a frame is like. Frames of a client, which are masked, cannot be made in advance. */
export interface FrameOptions {
  /** Whether no other fragment follows. Default false. */
  readonly fin?: boolean | undefined;
  readonly opcode: number;
  /** Must be false or absent. */
  readonly mask?: boolean | undefined;
  /** Whether the payload is compressed, and this is the first frame of the message. */
  readonly rsv1?: boolean | undefined;
  /** Whether the payload must not be changed. It never is. */
  readonly readOnly?: boolean | undefined;
}

/**
 * Builds the frame of a server.
 *
 * @returns the header and the payload, which shares its memory with `data`
 * @throws TypeError when the frame is to be masked
 */
function frame(data: string | Uint8Array, options: FrameOptions): Buffer[] {
  if (options.mask === true) {
    throw new TypeError(
      'Sender.frame() makes no masked frames: a client must mask each frame with a new key; use send()',
    );
  }
  const payload = toBuffer(data);
  const header = Buffer.allocUnsafe(frameHeaderBytes(payload.length, false));
  const firstByte = (options.fin === true ? FIN_BIT : 0) | (options.rsv1 === true ? RSV1_BIT : 0) | options.opcode;
  writeFrameHeader(header, 0, firstByte, payload.length, undefined);
  return [header, payload];
}

/** The part of the class `Sender` of `ws` that other libraries use: frames made in advance, for many clients. */
export const Sender: { readonly frame: (data: string | Uint8Array, options: FrameOptions) => Buffer[] } = { frame };
