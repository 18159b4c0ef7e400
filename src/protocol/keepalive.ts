/** Times of the heartbeat. */
export interface KeepaliveLimits {
  /** Silence after which the peer is pinged; Infinity turns the heartbeat off. */
  readonly pingIntervalMs: number;
  /** How long a pinged peer may stay silent. */
  readonly pongTimeoutMs: number;
}

/**
 * What is to be done: nothing yet; send a ping; send a pong that nobody asked for; or end the connection, because the
 * peer is gone.
 */
export type KeepaliveStep = 'wait' | 'ping' | 'pong' | 'dead';

/**
 * The heartbeat of one connection, without a clock: times are passed in, of a clock that may lag, but never goes back.
 *
 * @remarks Only arriving bytes prove that the peer lives, and any bytes do: in the middle of a long message no pong can
 * come. Bytes are only noted; whoever owns the heartbeat looks when {@link dueMs} has come, so that a message sets no timer.
 */
export class Keepalive {
  readonly #limits: KeepaliveLimits;
  #heardMs: number;
  /** When the peer was pinged, undefined when something has come since. */
  #pingedMs: number | undefined;

  constructor(limits: KeepaliveLimits, nowMs: number) {
    this.#limits = limits;
    this.#heardMs = nowMs;
  }

  /** Bytes have arrived, or are asked for again after a time in which none were: silence counts from now. */
  onBytes(nowMs: number): void {
    this.#heardMs = nowMs;
    this.#pingedMs = undefined;
  }

  /** When to {@link look} again. */
  get dueMs(): number {
    const { pingIntervalMs, pongTimeoutMs } = this.#limits;
    return this.#pingedMs === undefined ? this.#heardMs + pingIntervalMs : this.#pingedMs + pongTimeoutMs;
  }

  /** How long nothing has come. */
  silenceMs(nowMs: number): number {
    return nowMs - this.#heardMs;
  }

  /**
   * Tells what is to be done now.
   *
   * @param isReading - whether bytes of the peer are taken at present. While they are not, its silence proves nothing;
   * and since its pings are not seen either, it is shown a pong: bytes by which its own heartbeat knows this end
   */
  look(nowMs: number, isReading: boolean): KeepaliveStep {
    if (nowMs < this.dueMs) return 'wait';
    if (!isReading) {
      this.onBytes(nowMs);
      return 'pong';
    }
    if (this.#pingedMs !== undefined) return 'dead';
    this.#pingedMs = nowMs;
    return 'ping';
  }
}
