import { FIN_BIT, MAX_HEADER_BYTES, OPCODE_TEXT } from './constants.ts';
import { frameHeaderBytes, writeFrameHeader } from './frame-header.ts';
import { applyMask, copyMasked, nextMaskingKey } from './mask.ts';
import type { FrameOutput } from './frame-output.ts';

/** Payloads from this size on are sent without a copy. Smaller ones are cheaper to copy than to send as a piece. */
export const LARGE_PAYLOAD_BYTES = 16_384;
/** Texts up to this length are encoded directly into the output: a UTF-16 code unit takes at most 3 bytes of UTF-8. */
export const SHORT_TEXT_LENGTH: number = LARGE_PAYLOAD_BYTES / 3;

/** A client masks large payloads in pieces of this size. */
const MAX_PIECE_BYTES = 65_536;

/**
 * Writes a frame to the output.
 *
 * @param firstByte - FIN, RSV bits and opcode
 * @param payload - copied when masked or shorter than {@link LARGE_PAYLOAD_BYTES}, otherwise sent without a copy
 * @param isMasked - true for the frames of a client (RFC 6455 section 5.3)
 * @param isBorrowed - true when the payload is memory of the user
 */
export function writeFrame(
  output: FrameOutput,
  firstByte: number,
  payload: Buffer,
  isMasked: boolean,
  isBorrowed = false,
): void {
  if (isMasked) {
    writeMaskedFrame(output, firstByte, payload, nextMaskingKey());
    return;
  }
  const headerBytes = frameHeaderBytes(payload.length, false);
  if (payload.length >= LARGE_PAYLOAD_BYTES) {
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

/** Writes a masked frame. Masking needs a copy, so even a large payload is copied to the output, piece by piece. */
function writeMaskedFrame(output: FrameOutput, firstByte: number, payload: Buffer, key: number): void {
  const { length } = payload;
  const headerBytes = frameHeaderBytes(length, true);
  let end = Math.min(length, MAX_PIECE_BYTES);
  const offset = output.reserve(headerBytes + end);
  writeFrameHeader(output.buffer, offset, firstByte, length, key);
  copyMasked(payload, 0, end, output.buffer, offset + headerBytes, key);
  output.commit(headerBytes + end);
  while (end < length) {
    const start = end;
    end = Math.min(length, start + MAX_PIECE_BYTES);
    const pieceOffset = output.reserve(end - start);
    // The size of a piece is a multiple of 4, so the key needs no rotation.
    copyMasked(payload, start, end, output.buffer, pieceOffset, key);
    output.commit(end - start);
  }
}
