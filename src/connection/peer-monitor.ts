import { type ComponentSignature, FourDError, type ErrorCode } from '../errors.ts';
import { heartbeatDueMs, type HeartbeatLimits, heartbeatStep } from './heartbeat.ts';
import { RateLimit } from './rate-limit.ts';
import { type Deadline, timers } from '../base/timers.ts';

/** What a peer may do in a time. Infinity sets no limit. */
export interface PeerLimits extends HeartbeatLimits {
  /** How long a message, or a frame, may have come in part only. */
  readonly incompleteMessageTimeoutMs: number;
  readonly maxControlFramesPerSecond: number;
  readonly maxMessagesPerSecond: number;
  readonly maxBytesPerSecond: number;
}

/** The connection that is watched. */
export interface MonitoredPeer {
  readonly component: ComponentSignature;
  /** Whether bytes of the peer are taken at present. */
  readonly isReading: boolean;
  sendPing(): void;
  /** Sends a pong that no ping asked for. */
  sendPong(): void;
  /** The peer has passed a limit, or is gone. */
  onLimitExceeded(error: FourDError): void;
}

/**
 * Watches over one connection in time: the heartbeat, messages that are never finished, and rates.
 *
 * @remarks A message costs a few stores to fields. There is one deadline at a time, which is not moved when bytes come:
 * when it passes, it is looked what has come meanwhile. While nothing is read (the user's callbacks are slower than
 * the peer) or this process stands still, no time passes for the peer.
 */
export class PeerMonitor implements Deadline {
  readonly #watched: MonitoredPeer;
  readonly #limits: PeerLimits;
  /** When the last bytes came, or reading began again. */
  #heardMs: number;
  /** When the peer was pinged, undefined when something has come since. */
  #pingedMs: number | undefined;
  readonly #messages: RateLimit | undefined;
  readonly #bytes: RateLimit | undefined;
  /** Made when it is needed, and let go when it is full again: most connections get a pong in half a minute. */
  #controlFrames: RateLimit | undefined;
  #ticket: number | undefined;
  /** When that is. Undefined and not Infinity, which would be an object of its own. */
  #ticketMs: number | undefined;
  /** The message that has come in part, 0 for none, and when it must be complete. */
  #incomplete = 0;
  #incompleteDueMs: number | undefined;
  /** When reading was paused, as it is in the beginning. */
  #pausedMs: number;
  /** The time that the event loop had stood still when a rate was last looked at. */
  #stalledMs: number;
  #isStopped = false;

  constructor(watched: MonitoredPeer, limits: PeerLimits) {
    this.#watched = watched;
    this.#limits = limits;
    this.#heardMs = timers.nowMs;
    this.#arm();
    this.#messages = rateLimit(limits.maxMessagesPerSecond);
    this.#bytes = rateLimit(limits.maxBytesPerSecond);
    this.#stalledMs = timers.stalledMs;
    this.#pausedMs = timers.nowMs;
  }

  /**
   * Bytes have arrived and were read.
   *
   * @param incomplete - which message has come in part only, 0 for none
   */
  onBytes(incomplete: number): void {
    this.#hear(timers.tickMs);
    if (incomplete !== this.#incomplete) this.#expectEnd(incomplete);
  }

  /** Reading pauses. */
  onPause(): void {
    this.#pausedMs = timers.nowMs;
  }

  /** Reading begins, or goes on. */
  onResume(): void {
    this.#hear(timers.tickMs);
    if (this.#incomplete !== 0) this.#expectEnd(this.#incomplete);
    this.#excuse(timers.nowMs - this.#pausedMs);
  }

  /** Counts bytes. Returns false when there were too many: {@link MonitoredPeer.onLimitExceeded} has been called. */
  allowsBytes(count: number): boolean {
    return (
      this.#bytes === undefined || this.#allows(this.#bytes, count, 'ERR_RATE_LIMIT', 'bytes', 'maxBytesPerSecond')
    );
  }

  /** Counts a message, in the same way. */
  allowsMessage(): boolean {
    const limit = this.#messages;
    return limit === undefined || this.#allows(limit, 1, 'ERR_RATE_LIMIT', 'messages', 'maxMessagesPerSecond');
  }

  /** Counts a ping or pong. */
  countControlFrame(): void {
    this.#controlFrames ??= rateLimit(this.#limits.maxControlFramesPerSecond);
    if (this.#controlFrames === undefined) return;
    const name = 'maxControlFramesPerSecond';
    this.#allows(this.#controlFrames, 1, 'ERR_TOO_MANY_CONTROL_FRAMES', 'pings and pongs', name);
  }

  /** The connection is over. */
  stop(): void {
    this.#isStopped = true;
    if (this.#ticket !== undefined) timers.cancel(this, this.#ticket);
    this.#ticket = undefined;
  }

  onDeadline(): void {
    this.#ticket = undefined;
    this.#ticketMs = undefined;
    // What has come before this moment may not be read yet, if this process was busy. It is before the immediates run.
    setImmediate(() => this.#look());
  }

  #hear(nowMs: number): void {
    this.#heardMs = nowMs;
    this.#pingedMs = undefined;
  }

  #look(): void {
    if (this.#isStopped) return;
    const nowMs = timers.nowMs;
    if (this.#controlFrames?.isUnused(nowMs) === true) this.#controlFrames = undefined;
    const { isReading } = this.#watched;
    if (nowMs >= (this.#incompleteDueMs ?? Infinity)) this.#onIncompleteDue(nowMs, isReading);
    switch (heartbeatStep(this.#limits, this.#heardMs, this.#pingedMs, nowMs, isReading)) {
      case 'ping':
        this.#pingedMs = nowMs;
        this.#watched.sendPing();
        break;
      case 'pong':
        this.#hear(nowMs);
        this.#watched.sendPong();
        break;
      case 'dead':
        this.#onDead(nowMs);
        return;
      default:
    }
    this.#arm();
  }

  #onIncompleteDue(nowMs: number, isReading: boolean): void {
    const { incompleteMessageTimeoutMs } = this.#limits;
    this.#incompleteDueMs = isReading ? undefined : nowMs + incompleteMessageTimeoutMs;
    if (!isReading) return;
    this.#pass(
      'ERR_INCOMPLETE_MESSAGE',
      `message not finished in time: ${incompleteMessageTimeoutMs} ms (incompleteMessageTimeoutMs)`,
      incompleteMessageTimeoutMs,
      incompleteMessageTimeoutMs,
    );
  }

  #onDead(nowMs: number): void {
    const { pongTimeoutMs } = this.#limits;
    const silenceMs = Math.round(nowMs - this.#heardMs);
    this.#pass(
      'ERR_HEARTBEAT',
      `peer is gone: nothing came for ${silenceMs} ms, nor within pongTimeoutMs ${pongTimeoutMs} after a ping`,
      pongTimeoutMs,
      silenceMs,
    );
  }

  #expectEnd(incomplete: number): void {
    this.#incomplete = incomplete;
    this.#incompleteDueMs = incomplete === 0 ? undefined : timers.nowMs + this.#limits.incompleteMessageTimeoutMs;
    this.#arm();
  }

  /** Sets the deadline for what is due first, unless one is set for an earlier time. */
  #arm(): void {
    const silentDueMs = heartbeatDueMs(this.#limits, this.#heardMs, this.#pingedMs);
    // The answer to a ping sets no deadline either, and the next ping may be due before the verdict would have been.
    const nextPingMs = this.#pingedMs === undefined ? Infinity : timers.nowMs + this.#limits.pingIntervalMs;
    const dueMs = Math.min(silentDueMs, nextPingMs, this.#incompleteDueMs ?? Infinity);
    if (dueMs >= (this.#ticketMs ?? Infinity) || this.#isStopped) return;
    if (this.#ticket !== undefined) timers.cancel(this, this.#ticket);
    this.#ticket = timers.schedule(this, Math.max(0, dueMs - timers.nowMs));
    this.#ticketMs = dueMs;
  }

  #allows(limit: RateLimit, amount: number, code: ErrorCode, what: string, name: string): boolean {
    const stalledMs = timers.stalledMs - this.#stalledMs;
    if (stalledMs > 0) {
      this.#stalledMs += stalledMs;
      this.#excuse(stalledMs);
    }
    if (limit.take(amount, timers.nowMs)) return true;
    const { observed, perSecond } = limit;
    this.#pass(code, `too many ${what}: ${observed} within a second (${name} ${perSecond})`, perSecond, observed);
    return false;
  }

  #excuse(durationMs: number): void {
    if (durationMs >= 1000) this.#controlFrames ??= rateLimit(this.#limits.maxControlFramesPerSecond);
    const nowMs = timers.nowMs;
    this.#messages?.excuse(durationMs, nowMs);
    this.#bytes?.excuse(durationMs, nowMs);
    this.#controlFrames?.excuse(durationMs, nowMs);
  }

  #pass(code: ErrorCode, message: string, limit: number, observed: number): void {
    const componentSignature = this.#watched.component;
    const endCause = code === 'ERR_HEARTBEAT' ? 'heartbeat' : 'limit';
    this.#watched.onLimitExceeded(
      new FourDError(code, message, { componentSignature, side: 'remote', endCause, limit, observed }),
    );
  }
}

function rateLimit(perSecond: number): RateLimit | undefined {
  return perSecond === Infinity ? undefined : new RateLimit(perSecond, timers.nowMs);
}
