import { maxHeaderSize } from 'node:http';
import { MAX_PLAIN_HEAD_BYTES } from '../handshake/plain-headers.ts';

const MAX_HEAD_BYTES: number = Math.min(MAX_PLAIN_HEAD_BYTES, maxHeaderSize);

/** CR LF CR LF. */
const EMPTY_LINE = 0x0d_0a_0d_0a;

const NO_BYTES = Buffer.alloc(0);

/**
 * Returns the head of a request or answer as Latin-1: the bytes up to and including an empty line.
 *
 * @returns undefined when there is no empty line, or when the head is longer than what is read in its plain form or what
 *   Node's parser reads
 */
export function headOf(chunk: Buffer): string | undefined {
  // Usually the chunk ends with the head. If the chunk holds more, the readers of plain heads refuse it.
  const isWhole = chunk.length >= 4 && chunk.readInt32BE(chunk.length - 4) === EMPTY_LINE;
  const end = isWhole ? chunk.length : chunk.indexOf('\r\n\r\n', 0, 'latin1') + 4;
  return end < 4 || end > MAX_HEAD_BYTES ? undefined : chunk.toString('latin1', 0, end);
}

/** Returns the bytes behind a head. */
export function bytesBehind(head: string, chunk: Buffer): Buffer {
  return head.length === chunk.length ? NO_BYTES : chunk.subarray(head.length);
}
