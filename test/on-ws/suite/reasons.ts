/** Why tests of ws do not pass that do not look at private parts, by a part of their titles. */
const REASONS: readonly (readonly [string, string])[] = [
  ['invalid `protocolVersion`', 'another text of the error: only 13 is spoken'],
  ['the data in the sender queue', 'counts the bytes of this turn with their headers'],
  [
    'calls the callback w/ an error if `readyState` is 2 or 3',
    'counts the answer to the handshake, which leaves at the end of the turn',
  ],
  ['pauses the socket', 'reading begins in a later turn than the event'],
  ['resumes the socket', 'reading begins in a later turn than the event'],
  ['honors the `origin` option (2/2)', 'is about version 8 of the protocol in a client'],
  ['permessage-deflate is enabled by default', 'the client makes a second offer without parameters'],
  ['can send extension parameters', 'the client makes a second offer without parameters'],
  ['uses configuration options', 'zlib cannot use a window of 8 bits, so the answer names 9'],
  ['Hixie-76', 'the status is 426, which names the version'],
  [
    'WebSocketServer Connection establishing fails if the Upgrade header field value is not',
    'the status is 426, which names the protocol',
  ],
  [
    'WebSocketServer Connection establishing fails if the Upgrade header field value cannot be read',
    'the request has no Host header, which is told first',
  ],
  [
    'WebSocketServer Connection establishing fails if the Sec-WebSocket-Version header is invalid',
    'the status is 426, which names the version',
  ],
  [
    'WebSocketServer Connection establishing fails if the Sec-WebSocket-Key header is invalid',
    'the request has no or an old version, which is told first',
  ],
  [
    'WebSocketServer Connection establishing fails if the Sec-WebSocket-Extensions header is invalid',
    'an offer that cannot be accepted is declined, not refused',
  ],
  ["throwing behavior of 'error' events", 'another text of an error'],
  ["is destroyed after 'end' and 'finish' are emitted (1/2)", "is destroyed by Node right behind 'end', not before it"],
  ['#terminate can be used while data is being compressed', 'another text of an error'],
  ['errors that may occur while destroying', 'the code of the error is that of this library'],
];

/**
 * Says why a test of ws does not pass.
 *
 * @param isText - whether the test compares two texts that differ
 * @returns undefined when nobody knows
 */
export function explain(title: string, isText: boolean): string | undefined {
  const known = REASONS.find(([part]) => title.includes(part));
  if (known !== undefined) return known[1];
  return isText ? 'another text of an error' : undefined;
}
