/** A limit of a connection. */
export type LimitName =
  | 'closeTimeoutMs'
  | 'pingIntervalMs'
  | 'pongTimeoutMs'
  | 'incompleteMessageTimeoutMs'
  | 'maxMessageBytes'
  | 'maxFragments'
  | 'maxBufferedBytes'
  | 'maxControlFramesPerSecond'
  | 'maxMessagesPerSecond'
  | 'maxBytesPerSecond';

/** The limits where the user names no others. Times are in milliseconds; Infinity sets no limit. */
export const LIMIT_DEFAULTS: Readonly<Record<LimitName, number>> = {
  closeTimeoutMs: 10_000,
  pingIntervalMs: 25_000,
  pongTimeoutMs: 20_000,
  incompleteMessageTimeoutMs: 30_000,
  maxMessageBytes: 1_048_576,
  maxFragments: 1024,
  maxBufferedBytes: 16_777_216,
  maxControlFramesPerSecond: 60,
  maxMessagesPerSecond: Infinity,
  maxBytesPerSecond: Infinity,
};
