import { FIN_BIT, MAX_HEADER_BYTES, OPCODE_TEXT } from './constants.ts';
import { frameHeaderBytes, writeFrameHeader } from './frame-header.ts';
import { applyMask, copyMasked, nextMaskingKey } from './mask.ts';
import type { FrameOutput } from './frame-output.ts';

/** Payloads from this size on are handed over as they are; below, copying is cheaper than one more piece to gather. */
export const LARGE_PAYLOAD_BYTES = 16_384;
/** Texts up to this length are encoded straight into the output: three bytes for each UTF-16 unit at most. */
export const SHORT_TEXT_LENGTH: number = LARGE_PAYLOAD_BYTES / 3;

/** Large payloads of a client are masked in pieces of this size. */
const MAX_PIECE_BYTES = 65_536;

/**
 * Sends a frame.
 *
 * @param firstByte - FIN, RSV bits and opcode
 * @param payload - copied when it is masked or shorter than {@link LARGE_PAYLOAD_BYTES}, else handed over as it is
 * @param isMasked - whether a client sends it (RFC 6455 section 5.3)
 */
export function writeFrame(output: FrameOutput, firstByte: number, payload: Buffer, isMasked: boolean): void {
  if (isMasked) {
    writeMaskedFrame(output, firstByte, payload, nextMaskingKey());
    return;
  }
  const headerBytes = frameHeaderBytes(payload.length, false);
  if (payload.length >= LARGE_PAYLOAD_BYTES) {
    const header = Buffer.allocUnsafe(headerBytes);
    writeFrameHeader(header, 0, firstByte, payload.length, undefined);
    output.append(header);
    output.append(payload);
    return;
  }
  const offset = output.reserve(headerBytes + payload.length);
  const start = writeFrameHeader(output.buffer, offset, firstByte, payload.length, undefined);
  payload.copy(output.buffer, start);
  output.commit(headerBytes + payload.length);
}

/**
 * Sends a text message in one frame.
 *
 * @param text - of at most {@link SHORT_TEXT_LENGTH} UTF-16 units
 */
export function writeShortText(output: FrameOutput, text: string, isMasked: boolean): void {
  const offset = output.reserve(MAX_HEADER_BYTES + text.length * 3);
  const { buffer } = output;
  // Most text is ASCII: the header is placed for that, and the payload moved when it turns out longer.
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

/** A client has to copy every payload, so a large one goes through the memory of the output too, piece by piece. */
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
    // Pieces are whole words, so the key needs no rotation.
    copyMasked(payload, start, end, output.buffer, pieceOffset, key);
    output.commit(end - start);
  }
}
