import type { Role } from '../../../src/protocol/constants.ts';
import { readFrames } from '../../helpers/frames.ts';
import type { Outcome } from './outcome.ts';

const CLOSE = 0x88;
const PONG = 0x8a;

/**
 * Reads the frames that `sender` has sent: pongs, and at most one close frame behind them.
 *
 * @throws Error for anything else
 */
export function readSentFrames(bytes: Buffer, sender: Role): Pick<Outcome, 'pongs' | 'closeSent'> {
  const pongs: string[] = [];
  let closeSent: number | undefined;
  for (const { first, payload } of readFrames(bytes, sender)) {
    if (closeSent !== undefined) throw new Error('a frame was sent behind the close frame');
    if (first === PONG) pongs.push(payload.toString('hex'));
    else if (first === CLOSE) closeSent = payload.length === 0 ? 1005 : payload.readUInt16BE(0);
    else throw new Error(`an unexpected frame was sent: ${first.toString(16)}`);
  }
  return { pongs, closeSent };
}
