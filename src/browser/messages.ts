import type { ErrorCode } from '../errors.ts';
import type { DataType, SendableMessage } from '../session/message-types.ts';
import { FourDError, textOf } from './browser-error.ts';

/**
 * Converts a received message to the form that `dataType` asks for.
 *
 * @throws FourDError `ERR_INVALID_UTF8` or `ERR_INVALID_JSON`
 */
export function toEventData(dataType: DataType, data: string | ArrayBuffer): unknown {
  const isText = typeof data === 'string';
  if (dataType === 'blob' || (dataType === 'auto' && !isText)) {
    return isText ? new TextEncoder().encode(data) : new Uint8Array(data);
  }
  let code: ErrorCode = 'ERR_INVALID_UTF8';
  try {
    const text = isText ? data : new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(data);
    if (dataType !== 'object') return text;
    code = 'ERR_INVALID_JSON';
    // Some peers put a byte order mark in front of JSON (RFC 8259 section 8.1 allows to ignore it).
    return JSON.parse(text.replace(/^\ufeff/, '')) as unknown;
  } catch {
    // The error of JSON.parse quotes the payload, so it is neither the text nor the cause.
    throw new FourDError(code, 'invalid message', 'protocol');
  }
}

/** What goes out: a string as a text message, bytes as a binary one. */
export type Wire = string | Uint8Array<ArrayBuffer>;

/**
 * Converts the argument of `send`. Bytes are copied.
 *
 * @throws FourDError `ERR_INVALID_MESSAGE`
 */
export function toWire(message: SendableMessage): Wire {
  if (typeof message === 'string') return message;
  // Unlike instanceof, the tag knows the buffers of another window. Classes of the user may have any tag.
  const tag = Object.prototype.toString.call(message);
  let problem = tag;
  try {
    // Only copies may wait for a connection, and only memory that is not shared may be given to the browser.
    if (ArrayBuffer.isView(message)) {
      return new Uint8Array(message.buffer, message.byteOffset, message.byteLength).slice();
    }
    if (tag.endsWith('ArrayBuffer]')) return new Uint8Array(message as ArrayBuffer).slice();
    if (message && typeof message === 'object') {
      const json = JSON.stringify(message) as string | undefined;
      const isOpaque = json === '{}' && tag !== '[object Object]';
      if (json && !isOpaque) return json;
    }
  } catch (thrown) {
    problem = textOf(thrown);
  }
  throw new FourDError('ERR_INVALID_MESSAGE', `cannot send: ${problem}`);
}

/** The size of a message: of text in UTF-16 units. */
export function sizeOf(data: string | ArrayBuffer | Uint8Array): number {
  return (data as Partial<ArrayBuffer>).byteLength ?? (data as string).length;
}

/** Cuts a reason to the 123 bytes that a close frame takes (RFC 6455 section 5.5.1), between two characters. */
export function cutReason(reason: string): string {
  // Jest's jsdom has no TextEncoder. No character takes more than 3 bytes for each of its UTF-16 units.
  if (reason.length < 42) return reason;
  return reason.slice(0, new TextEncoder().encodeInto(reason, new Uint8Array(123)).read);
}
