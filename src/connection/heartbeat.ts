/** Times of the heartbeat. */
export interface HeartbeatLimits {
  /** Silence of the peer after which it is pinged; Infinity turns the heartbeat off. */
  readonly pingIntervalMs: number;
  /** How long a pinged peer may stay silent. */
  readonly pongTimeoutMs: number;
}

/**
 * The next step of the heartbeat: wait; send a ping; send an unsolicited pong; or end the connection, because the peer
 * is gone.
 */
export type HeartbeatStep = 'wait' | 'ping' | 'pong' | 'dead';

/**
 * Tells when {@link heartbeatStep} is due for a connection. Infinity for never.
 *
 * @remarks Any bytes of the peer prove that it lives, not only a pong: in the middle of a long message no pong can
 * come. Arriving bytes only update `lastReceivedMs`, and the caller checks the heartbeat when it is due, so that a
 * message sets no timer. All times come from one clock, which may lag but never goes back.
 * @param lastReceivedMs - when the last bytes came, or reading began again
 * @param pingedMs - when the peer was pinged, undefined when bytes have come since
 */
export function heartbeatDueMs(limits: HeartbeatLimits, lastReceivedMs: number, pingedMs: number | undefined): number {
  return pingedMs === undefined ? lastReceivedMs + limits.pingIntervalMs : pingedMs + limits.pongTimeoutMs;
}

/**
 * Tells the next step of the heartbeat.
 *
 * @param isReading - whether bytes of the peer are read at present. While nothing is read, the silence of the peer
 *   proves nothing, and the pings of the peer get no answer. The step is then an unsolicited pong, which proves to the
 *   heartbeat of the peer that this end lives; the caller measures the silence from then on.
 */
export function heartbeatStep(
  limits: HeartbeatLimits,
  lastReceivedMs: number,
  pingedMs: number | undefined,
  nowMs: number,
  isReading: boolean,
): HeartbeatStep {
  const dueMs = heartbeatDueMs(limits, lastReceivedMs, pingedMs);
  // The peer's own ping timeout is independent of ours, so send a pong at least every pingIntervalMs.
  if (!isReading)
    return nowMs < Math.min(dueMs, (pingedMs ?? lastReceivedMs) + limits.pingIntervalMs) ? 'wait' : 'pong';
  if (nowMs < dueMs) return 'wait';
  return pingedMs === undefined ? 'ping' : 'dead';
}
