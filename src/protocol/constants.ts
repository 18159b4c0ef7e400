/** Opcodes of RFC 6455 section 5.2. */
export const OPCODE_CONTINUATION = 0x0;
export const OPCODE_TEXT = 0x1;
export const OPCODE_BINARY = 0x2;
export const OPCODE_CLOSE = 0x8;
export const OPCODE_PING = 0x9;
export const OPCODE_PONG = 0xa;

/** First header byte: last fragment of a message (RFC 6455 section 5.2). */
export const FIN_BIT = 0x80;
/** First header byte: this message is compressed (RFC 7692 section 6). */
export const RSV1_BIT = 0x40;
/** First header byte: all three reserved bits (RFC 6455 section 5.2). */
export const RSV_BITS = 0x70;
/** Second header byte: the payload is masked. */
export const MASK_BIT = 0x80;

/** RFC 6455 section 5.5: a control frame carries at most this many payload bytes. */
export const MAX_CONTROL_PAYLOAD_BYTES = 125;
/** RFC 6455 section 5.5.1: what is left of a close frame's payload after the code. */
export const MAX_CLOSE_REASON_BYTES = 123;
/** The longest frame header: 2 bytes, 8 of extended length, 4 of masking key. */
export const MAX_HEADER_BYTES = 14;

/** RFC 6455 section 1.3: appended to the key before hashing. */
export const HANDSHAKE_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** Close codes of RFC 6455 section 7.4.1 that the library itself uses. */
export const CLOSE_NORMAL = 1000;
/** Registered with IANA as "Unauthorized": the session of the peer is over. */
export const CLOSE_UNAUTHORIZED = 3000;
export const CLOSE_GOING_AWAY = 1001;
export const CLOSE_NO_STATUS = 1005;
export const CLOSE_ABNORMAL = 1006;

/** Which end of the connection this is: it decides who masks and who ends TCP first. */
export type Role = 'client' | 'server';
