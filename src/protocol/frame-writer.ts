import { FIN_BIT, MAX_HEADER_BYTES, OPCODE_TEXT } from './constants.ts';
import { frameHeaderBytes, writeFrameHeader } from './frame-header.ts';
import { applyMask, copyMasked, nextMaskingKey, rotateKey } from './mask.ts';
import { isReused } from './assembly-memory.ts';
import { MAX_PIECE_BYTES, MAX_PIECE_UNITS, takePiece } from './send-memory.ts';
import type { FrameOutput } from './frame-output.ts';

/** Payloads from this size on are sent without a copy. Smaller ones are cheaper to copy than to send as a piece. */
export const LARGE_PAYLOAD_BYTES = 16_384;
/** Texts up to this length are encoded directly into the output: a UTF-16 code unit takes at most 3 bytes of UTF-8. */
export const SHORT_TEXT_LENGTH: number = LARGE_PAYLOAD_BYTES / 3;
/** Pieces of a copied payload that a server writes at a time. */
const PIECES_PER_WRITE = 16;

/**
 * Writes a frame to the output.
 *
 * @param firstByte - FIN, RSV bits and opcode
 * @param payload - copied when masked or shorter than {@link LARGE_PAYLOAD_BYTES}, otherwise sent without a copy
 * @param isMasked - true for the frames of a client (RFC 6455 section 5.3)
 * @param isBorrowed - true when the payload is memory of the user. It is copied when that memory was only lent to the user
 */
export function writeFrame(
  output: FrameOutput,
  firstByte: number,
  payload: Buffer,
  isMasked: boolean,
  isBorrowed = false,
): void {
  if (isMasked) {
    writeCopiedFrame(output, firstByte, payload, nextMaskingKey());
    return;
  }
  const headerBytes = frameHeaderBytes(payload.length, false);
  if (payload.length >= LARGE_PAYLOAD_BYTES) {
    if (isBorrowed && isReused(payload)) {
      writeCopiedFrame(output, firstByte, payload, undefined);
      return;
    }
    const header = Buffer.allocUnsafe(headerBytes);
    writeFrameHeader(header, 0, firstByte, payload.length, undefined);
    if (isBorrowed) {
      output.appendBorrowed(header, payload);
    } else {
      output.append(header);
      output.append(payload);
    }
    return;
  }
  const offset = output.reserve(headerBytes + payload.length);
  const start = writeFrameHeader(output.buffer, offset, firstByte, payload.length, undefined);
  payload.copy(output.buffer, start);
  output.commit(headerBytes + payload.length);
}

/**
 * Writes a text message in one frame to the output.
 *
 * @param text - at most {@link SHORT_TEXT_LENGTH} UTF-16 code units
 */
export function writeShortText(output: FrameOutput, text: string, isMasked: boolean): void {
  const offset = output.reserve(MAX_HEADER_BYTES + text.length * 3);
  const { buffer } = output;
  // Most text is ASCII, so the header is sized for ASCII. When the text is longer in UTF-8, the payload is moved.
  const guessedStart = offset + frameHeaderBytes(text.length, isMasked);
  const payloadBytes = buffer.write(text, guessedStart, 'utf8');
  const start = offset + frameHeaderBytes(payloadBytes, isMasked);
  if (start !== guessedStart) buffer.copyWithin(start, guessedStart, guessedStart + payloadBytes);
  const key = isMasked ? nextMaskingKey() : undefined;
  writeFrameHeader(buffer, offset, FIN_BIT | OPCODE_TEXT, payloadBytes, key);
  const end = start + payloadBytes;
  if (key !== undefined) applyMask(buffer, start, end, key);
  output.commit(end - offset);
}

/**
 * Writes a text message of any length in one frame to the output.
 *
 * @remarks The text is encoded in pieces, into memory that is used again. `Buffer.from` took 371 microseconds for 1 MiB on
 * Node 20, where this takes 56. Nobody knows the length in bytes before the end, so the header is written last.
 */
export function writeLongText(output: FrameOutput, text: string, isMasked: boolean): void {
  if (output.isBlocked) {
    // What waits for the peer should take no more memory than it needs, and keep no pool of Node's.
    const payload = Buffer.allocUnsafeSlow(Buffer.byteLength(text, 'utf8'));
    payload.write(text, 'utf8');
    writeFrame(output, FIN_BIT | OPCODE_TEXT, payload, isMasked);
    return;
  }
  const memory: Buffer[] = [];
  const ends: number[] = [];
  let payloadBytes = 0;
  for (let read = 0; read < text.length;) {
    const piece = takePiece();
    const begin = memory.length === 0 ? MAX_HEADER_BYTES : 0;
    const next = endOfCharacters(text, read + MAX_PIECE_UNITS);
    const end = begin + piece.write(text.slice(read, next), begin, 'utf8');
    read = next;
    memory.push(piece);
    ends.push(end);
    payloadBytes += end - begin;
  }
  const key = isMasked ? nextMaskingKey() : undefined;
  const begin = MAX_HEADER_BYTES - frameHeaderBytes(payloadBytes, isMasked);
  writeFrameHeader(memory[0] as Buffer, begin, FIN_BIT | OPCODE_TEXT, payloadBytes, key);
  if (key !== undefined) maskPieces(memory, ends, key);
  const pieces = memory.map((piece, i) => piece.subarray(i === 0 ? begin : 0, ends[i]));
  // A client can send again what its transport did not get, so it gives it one piece at a time.
  if (isMasked) for (const piece of pieces) output.appendPieces([piece]);
  else output.appendPieces(pieces);
}

/** Returns `index`, or the index before it when `index` is between the two halves of a surrogate pair. */
function endOfCharacters(text: string, index: number): number {
  if (index >= text.length) return text.length;
  const unit = text.charCodeAt(index - 1);
  return unit >= 0xd800 && unit <= 0xdbff ? index - 1 : index;
}

/** Masks a payload that begins behind the header in the first piece. */
function maskPieces(memory: readonly Buffer[], ends: readonly number[], firstKey: number): void {
  let key = firstKey;
  for (let i = 0; i < memory.length; i++) {
    const begin = i === 0 ? MAX_HEADER_BYTES : 0;
    const end = ends[i] as number;
    applyMask(memory[i] as Buffer, begin, end, key);
    key = rotateKey(key, end - begin);
  }
}

/**
 * Writes a frame whose payload is copied at the call, piece by piece when it is large.
 *
 * @param key - the masking key, undefined for a frame that is not masked
 */
function writeCopiedFrame(output: FrameOutput, firstByte: number, payload: Buffer, key: number | undefined): void {
  const { length } = payload;
  const headerBytes = frameHeaderBytes(length, key !== undefined);
  if (length < LARGE_PAYLOAD_BYTES) {
    const offset = output.reserve(headerBytes + length);
    writeFrameHeader(output.buffer, offset, firstByte, length, key);
    copyPayload(payload, 0, length, output.buffer, offset + headerBytes, key);
    output.commit(headerBytes + length);
    return;
  }
  if (output.isBlocked) {
    // What waits for the peer should take no more memory than it needs.
    const frame = Buffer.allocUnsafeSlow(headerBytes + length);
    writeFrameHeader(frame, 0, firstByte, length, key);
    copyPayload(payload, 0, length, frame, headerBytes, key);
    output.append(frame);
    return;
  }
  // A client writes piece by piece, so that the rest stays here, and can be sent by the next connection, once the transport
  // is blocked.
  const piecesPerWrite = key === undefined ? PIECES_PER_WRITE : 1;
  let pieces: Buffer[] = [];
  for (let start = 0; start < length; start += MAX_PIECE_BYTES) {
    const piece = takePiece();
    const end = Math.min(length, start + MAX_PIECE_BYTES);
    const begin = start === 0 ? headerBytes : 0;
    // The size of a piece is a multiple of 4, so the key needs no rotation.
    copyPayload(payload, start, end, piece, begin, key);
    if (start === 0) writeFrameHeader(piece, 0, firstByte, length, key);
    pieces.push(piece.subarray(0, begin + end - start));
    if (pieces.length < piecesPerWrite && end < length) continue;
    output.appendPieces(pieces);
    pieces = [];
  }
}

/** Copies `payload[start..end)` to `target`, masked when there is a key. */
function copyPayload(
  payload: Buffer,
  start: number,
  end: number,
  target: Buffer,
  offset: number,
  key: number | undefined,
): void {
  if (key === undefined) payload.copy(target, offset, start, end);
  else copyMasked(payload, start, end, target, offset, key);
}
