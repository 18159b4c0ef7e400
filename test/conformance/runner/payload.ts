import type { Payload } from '../case.ts';
import { pieceOf } from './corpus.ts';

/**
 * Returns the bytes of a payload.
 *
 * @param index - the number of the message in an exchange, from 0
 */
export function bytesOf(payload: Payload, index = 0): Buffer {
  if (typeof payload === 'string') return Buffer.from(payload, 'hex');
  if ('corpus' in payload) return pieceOf(payload.corpus, payload.bytes, index);
  return Buffer.alloc(payload.bytes, Buffer.from(payload.pattern, 'hex'));
}
