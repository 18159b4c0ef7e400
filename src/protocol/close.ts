import { isUtf8 } from 'node:buffer';
import type { ErrorCode } from '../errors.ts';
import { CLOSE_NO_STATUS, MAX_CLOSE_REASON_BYTES } from './constants.ts';

/** The content of a close frame. An empty frame has `code` 1005 and no `reason` (RFC 6455 section 7.1.5). */
export interface ClosePayload {
  readonly code: number;
  readonly reason: string | undefined;
}

/** A violation in the payload of a close frame. */
export interface CloseViolation {
  readonly error: ErrorCode;
  readonly message: string;
}

/**
 * Tells whether a close frame may carry this code.
 *
 * @see RFC 6455 sections 7.4.1 and 7.4.2, and the IANA registry for 1012 to 1014
 */
export function isSendableCloseCode(code: number): boolean {
  if (code >= 3000) return code <= 4999;
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
}

/** Reads the payload of a close frame (RFC 6455 section 5.5.1). */
export function parseClosePayload(payload: Buffer): ClosePayload | CloseViolation {
  if (payload.length === 0) return { code: CLOSE_NO_STATUS, reason: undefined };
  if (payload.length === 1) {
    return {
      error: 'ERR_INVALID_CLOSE_PAYLOAD',
      message: 'invalid close frame: the payload has 1 byte, but a code takes 2',
    };
  }
  const code = payload.readUInt16BE(0);
  if (!isSendableCloseCode(code)) {
    const message = `invalid close frame: code ${code} must not be sent (allowed: 1000-1003, 1007-1014, 3000-4999)`;
    return { error: 'ERR_INVALID_CLOSE_CODE', message };
  }
  if (payload.length === 2) return { code, reason: undefined };
  const reason = payload.subarray(2);
  if (!isUtf8(reason)) {
    return { error: 'ERR_INVALID_UTF8', message: 'invalid close frame: the reason is not valid UTF-8' };
  }
  return { code, reason: reason.toString('utf8') };
}

/**
 * Builds the payload of a close frame.
 *
 * @param code - a code for which {@link isSendableCloseCode} holds, or 1005 for an empty payload
 * @param reason - cut between code points when longer than 123 bytes of UTF-8
 */
export function buildClosePayload(code: number, reason: string): Buffer {
  if (code === CLOSE_NO_STATUS) return Buffer.alloc(0);
  const text = truncateReason(reason);
  const payload = Buffer.alloc(2 + text.length);
  payload.writeUInt16BE(code, 0);
  text.copy(payload, 2);
  return payload;
}

/** Encodes a reason as UTF-8 and cuts it between code points when longer than 123 bytes. */
function truncateReason(reason: string): Buffer {
  const bytes = Buffer.from(reason, 'utf8');
  if (bytes.length <= MAX_CLOSE_REASON_BYTES) return bytes;
  let end = MAX_CLOSE_REASON_BYTES;
  // A cut before a continuation byte would split a code point, so step back to the start of that code point.
  while (((bytes[end] as number) & 0xc0) === 0x80) end--;
  return bytes.subarray(0, end);
}
