import type { Payload } from '../case.ts';
import { pieceOf } from './corpus.ts';

/**
 * The bytes that a case means.
 *
 * @param index - which message of an exchange
 */
export function bytesOf(payload: Payload, index = 0): Buffer {
  if (typeof payload === 'string') return Buffer.from(payload, 'hex');
  if ('corpus' in payload) return pieceOf(payload.corpus, payload.bytes, index);
  return Buffer.alloc(payload.bytes, Buffer.from(payload.pattern, 'hex'));
}
