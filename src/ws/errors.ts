import type { ErrorCode, FourDError } from '../errors.ts';

/** What `ws` calls the errors of a peer, by what they are called here. */
const WS_CODES: Partial<Record<ErrorCode, string>> = {
  ERR_CONTROL_FRAME_FRAGMENTED: 'WS_ERR_EXPECTED_FIN',
  ERR_CONTROL_FRAME_TOO_LONG: 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH',
  ERR_EXPECTED_CONTINUATION: 'WS_ERR_INVALID_OPCODE',
  ERR_INVALID_CLOSE_CODE: 'WS_ERR_INVALID_CLOSE_CODE',
  ERR_INVALID_CLOSE_PAYLOAD: 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH',
  ERR_INVALID_UTF8: 'WS_ERR_INVALID_UTF8',
  ERR_MASK_FORBIDDEN: 'WS_ERR_UNEXPECTED_MASK',
  ERR_MASK_REQUIRED: 'WS_ERR_EXPECTED_MASK',
  ERR_MESSAGE_TOO_BIG: 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH',
  ERR_RESERVED_BITS: 'WS_ERR_UNEXPECTED_RSV_1',
  ERR_RESERVED_OPCODE: 'WS_ERR_INVALID_OPCODE',
  ERR_TOO_MANY_FRAGMENTS: 'WS_ERR_TOO_MANY_BUFFERED_PARTS',
  ERR_UNEXPECTED_CONTINUATION: 'WS_ERR_INVALID_OPCODE',
};

/** Ends that `ws` tells by 'close' with 1006 alone. */
const SILENT: ReadonlySet<ErrorCode> = new Set(['ERR_CONNECTION_LOST', 'ERR_CLOSE_TIMEOUT']);

/** An error of this door: `code` is that of `ws` where `ws` has one, else that of this library. */
export interface WebSocketError extends Error {
  readonly code: string;
}

/** Builds the error that 'error' gets of one of this library, which is its cause; undefined when 'close' alone tells it. */
export function toWsError(error: FourDError): Error | undefined {
  if (SILENT.has(error.code)) return undefined;
  // What a listener threw is what its program wants to see.
  if (error.code === 'ERR_CALLBACK_FAILED' && error.cause instanceof Error) return error.cause;
  const Kind = error.code === 'ERR_INVALID_UTF8' || error.code === 'ERR_CALLBACK_FAILED' ? Error : RangeError;
  const code = WS_CODES[error.code] ?? error.code;
  // The limit goes by another name here.
  const message = error.message.replace('maxMessageBytes', 'maxPayload');
  return Object.assign(new Kind(message, { cause: error }), { code }) satisfies WebSocketError;
}
