/** Times of the heartbeat. */
export interface HeartbeatLimits {
  /** Silence after which the peer is pinged; Infinity turns the heartbeat off. */
  readonly pingIntervalMs: number;
  /** How long a pinged peer may stay silent. */
  readonly pongTimeoutMs: number;
}

/**
 * What is to be done: nothing yet; send a ping; send a pong that nobody asked for; or end the connection, because the
 * peer is gone.
 */
export type HeartbeatStep = 'wait' | 'ping' | 'pong' | 'dead';

/**
 * When to look at the heartbeat of a connection: at {@link heartbeatStep}. Infinity for never.
 *
 * @remarks Only arriving bytes prove that the peer lives, and any bytes do: in the middle of a long message no pong can
 * come. Bytes are only noted; whoever keeps these times looks when the moment has come, so that a message sets no timer.
 * All times are of a clock that may lag, but never goes back.
 * @param heardMs - when the last bytes came, or reading began again
 * @param pingedMs - when the peer was pinged, undefined when something has come since
 */
export function heartbeatDueMs(limits: HeartbeatLimits, heardMs: number, pingedMs: number | undefined): number {
  return pingedMs === undefined ? heardMs + limits.pingIntervalMs : pingedMs + limits.pongTimeoutMs;
}

/**
 * Tells what is to be done now.
 *
 * @param isReading - whether bytes of the peer are taken at present. While they are not, its silence proves nothing;
 * and since its pings are not seen either, it is shown a pong: bytes by which its own heartbeat knows this end. Then the
 * silence begins anew.
 */
export function heartbeatStep(
  limits: HeartbeatLimits,
  heardMs: number,
  pingedMs: number | undefined,
  nowMs: number,
  isReading: boolean,
): HeartbeatStep {
  const dueMs = heartbeatDueMs(limits, heardMs, pingedMs);
  // The peer does not wait for longer because this end would.
  if (!isReading) return nowMs < Math.min(dueMs, (pingedMs ?? heardMs) + limits.pingIntervalMs) ? 'wait' : 'pong';
  if (nowMs < dueMs) return 'wait';
  return pingedMs === undefined ? 'ping' : 'dead';
}
