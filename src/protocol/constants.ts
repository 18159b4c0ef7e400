/** Opcodes of RFC 6455 section 5.2. */
export const OPCODE_CONTINUATION = 0x0;
export const OPCODE_TEXT = 0x1;
export const OPCODE_BINARY = 0x2;
export const OPCODE_CLOSE = 0x8;
export const OPCODE_PING = 0x9;
export const OPCODE_PONG = 0xa;

/** In the first header byte: this frame is the last fragment of a message (RFC 6455 section 5.2). */
export const FIN_BIT = 0x80;
/** In the first header byte: this message is compressed (RFC 7692 section 6). */
export const RSV1_BIT = 0x40;
/** In the first header byte: all three reserved bits (RFC 6455 section 5.2). */
export const RSV_BITS = 0x70;
/** In the second header byte: the payload is masked (RFC 6455 section 5.2). */
export const MASK_BIT = 0x80;

/** The longest payload of a control frame (RFC 6455 section 5.5). */
export const MAX_CONTROL_PAYLOAD_BYTES = 125;
/** The longest reason of a close frame: the control payload less 2 bytes of code (RFC 6455 section 5.5.1). */
export const MAX_CLOSE_REASON_BYTES = 123;
/** The longest frame header: 2 bytes, 8 of extended length, 4 of masking key. */
export const MAX_HEADER_BYTES = 14;

/** Close codes of RFC 6455 section 7.4.1 that the library itself uses. */
export const CLOSE_NORMAL = 1000;
/** "Unauthorized" in the IANA registry: the session of the peer has expired. */
export const CLOSE_UNAUTHORIZED = 3000;
export const CLOSE_GOING_AWAY = 1001;
export const CLOSE_SERVICE_RESTART = 1012;
/** Of a peer that does not keep up. */
export const CLOSE_TRY_AGAIN_LATER = 1013;
export const CLOSE_NO_STATUS = 1005;
export const CLOSE_ABNORMAL = 1006;

/** This end of the connection. The role decides who masks and who ends TCP first. */
export type Role = 'client' | 'server';
