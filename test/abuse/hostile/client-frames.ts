import { frame } from '../../helpers/frames.ts';

/** A masking key of zeros, so that this side does not mask megabytes. The server must still unmask them. */
const ZERO_KEY = '00000000';

/** A close frame with 1000. */
export const CLOSE_1000: Buffer = frame('client', '88', '03e8');

/** Makes a frame with a large payload. */
export function largeFrame(first: string, payload: Buffer): Buffer {
  return frame('client', first, payload, { key: ZERO_KEY });
}

/** Makes a message of ASCII text without its last bytes. */
export function unfinishedText(messageBytes: number, missingBytes: number): Buffer {
  const header = frame('client', '81', '', { key: ZERO_KEY, length: BigInt(messageBytes), lengthBytes: 8 });
  return Buffer.concat([header, Buffer.alloc(messageBytes - missingBytes, 'a')]);
}
