import { frame } from '../../helpers/frames.ts';

/** A key that changes nothing, so that megabytes need no masking here. The server has to unmask them all the same. */
const ZERO_KEY = '00000000';

/** A close frame with 1000. */
export const CLOSE_1000: Buffer = frame('client', '88', '03e8');

/** A frame with a large payload. */
export function largeFrame(first: string, payload: Buffer): Buffer {
  return frame('client', first, payload, { key: ZERO_KEY });
}

/** A message of ASCII text as long as the limit allows, without its last bytes. */
export function unfinishedText(messageBytes: number, missingBytes: number): Buffer {
  const header = frame('client', '81', '', { key: ZERO_KEY, length: BigInt(messageBytes), lengthBytes: 8 });
  return Buffer.concat([header, Buffer.alloc(messageBytes - missingBytes, 'a')]);
}
