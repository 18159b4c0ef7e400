import { setImmediate } from '../base/clock.ts';
import { type ComponentSignature, FourDError, type ErrorCode } from '../errors.ts';
import { heartbeatDueMs, type HeartbeatLimits, heartbeatStep } from './heartbeat.ts';
import { PartialMessage, STEP_BYTES } from './partial-message.ts';
import { RateLimit } from './rate-limit.ts';
import { type Deadline, timers } from '../base/timers.ts';

/** Limits in time for a peer. Infinity sets no limit. */
export interface PeerLimits extends HeartbeatLimits {
  /** Longest time for each 16 KiB of a message, and for what is left of it or of a frame. */
  readonly incompleteMessageTimeoutMs: number;
  readonly maxControlFramesPerSecond: number;
  readonly maxMessagesPerSecond: number;
  readonly maxBytesPerSecond: number;
}

/** The connection whose peer is monitored. */
export interface MonitoredPeer {
  readonly component: ComponentSignature;
  /** Whether bytes of the peer are read at present. */
  readonly isReading: boolean;
  sendPing(): void;
  /** Sends an unsolicited pong. */
  sendPong(): void;
  /** The peer has exceeded a limit, or is gone. */
  onLimitExceeded(error: FourDError): void;
}

/**
 * Enforces the limits in time of one connection: the heartbeat, messages that are never finished, and rates.
 *
 * @remarks A message costs a few stores to fields. The monitor has one deadline at a time, which arriving bytes do not
 * move: when the deadline passes, the monitor checks what has come meanwhile. While nothing is read (because the user's
 * callbacks are slower than the peer) or this process stands still, no time passes for the peer.
 */
export class PeerMonitor implements Deadline {
  readonly #connection: MonitoredPeer;
  readonly #limits: PeerLimits;
  /** When the last bytes came, or reading began again. */
  #lastReceivedMs: number;
  /** When the peer was pinged, undefined when bytes have come since. */
  #pingedMs: number | undefined;
  readonly #messageRate: RateLimit | undefined;
  readonly #byteRate: RateLimit | undefined;
  /** Created by a control frame and dropped when full again: most connections get one pong in half a minute. */
  #controlFrameRate: RateLimit | undefined;
  /** Pings to which no pong has come. */
  #unansweredPings = 0;
  #ticket: number | undefined;
  /** The time of the deadline, undefined for none: V8 stores Infinity as an extra object. */
  #deadlineMs: number | undefined;
  /** The message that has come in part only. */
  #partialMessage: PartialMessage | undefined;
  /** When reading paused last. A connection begins paused. */
  #pausedMs: number;
  /** `timers.stalledMs` when a rate was last checked. */
  #stalledMs: number;
  #isStopped = false;

  constructor(connection: MonitoredPeer, limits: PeerLimits) {
    this.#connection = connection;
    this.#limits = limits;
    this.#lastReceivedMs = timers.nowMs;
    this.#arm();
    this.#messageRate = rateLimit(limits.maxMessagesPerSecond);
    this.#byteRate = rateLimit(limits.maxBytesPerSecond);
    this.#stalledMs = timers.stalledMs;
    this.#pausedMs = timers.nowMs;
  }

  /**
   * Notes that bytes have arrived and were read.
   *
   * @param partialMessageId - the message that has come in part only, 0 for none
   * @param partialMessageBytes - how many bytes of it have come
   */
  onBytes(partialMessageId: number, partialMessageBytes: number): void {
    this.#noteActivity(timers.tickMs);
    if (partialMessageId === 0) this.#partialMessage = undefined;
    else if (this.#partialMessage?.id === partialMessageId) {
      this.#partialMessage.grow(partialMessageBytes, timers.nowMs);
    } else {
      const { incompleteMessageTimeoutMs } = this.#limits;
      const { nowMs } = timers;
      this.#partialMessage = new PartialMessage(
        partialMessageId,
        partialMessageBytes,
        nowMs,
        incompleteMessageTimeoutMs,
      );
      this.#arm();
    }
  }

  /** Returns {@link PartialMessage.staleMs} of a message; 0 when its first bytes are just being read. */
  staleMs(partialMessageId: number): number {
    if (this.#partialMessage?.id !== partialMessageId) return 0;
    return this.#partialMessage.staleMs(this.#connection.isReading ? timers.nowMs : this.#pausedMs);
  }

  /** Notes that the user has sent a ping: it serves as the ping of the heartbeat. */
  onPingSent(): void {
    this.#unansweredPings++;
    this.#pingedMs ??= timers.nowMs;
    this.#arm();
  }

  /** Notes that reading pauses. */
  onPause(): void {
    this.#pausedMs = timers.nowMs;
  }

  /** Notes that reading begins, or goes on. */
  onResume(): void {
    this.#noteActivity(timers.tickMs);
    const { nowMs } = timers;
    const pauseMs = nowMs - this.#pausedMs;
    this.#partialMessage?.leaveOut(pauseMs);
    this.#partialMessage?.restart(nowMs);
    this.#creditTime(pauseMs);
  }

  /** Counts bytes. Returns false after too many, when {@link MonitoredPeer.onLimitExceeded} has been called. */
  allowsBytes(count: number): boolean {
    return (
      this.#byteRate === undefined ||
      this.#allows(this.#byteRate, count, 'ERR_RATE_LIMIT', 'bytes', 'maxBytesPerSecond')
    );
  }

  /** Counts a message, as {@link allowsBytes} counts bytes. */
  allowsMessage(): boolean {
    const limit = this.#messageRate;
    return limit === undefined || this.#allows(limit, 1, 'ERR_RATE_LIMIT', 'messages', 'maxMessagesPerSecond');
  }

  /** Counts a pong, unless a ping has asked for it: a peer that did not read for long answers many pings at once. */
  onPong(): void {
    if (this.#unansweredPings > 0) this.#unansweredPings--;
    else this.countControlFrame();
  }

  /** Counts a ping, or a pong that nobody asked for. */
  countControlFrame(): void {
    this.#controlFrameRate ??= rateLimit(this.#limits.maxControlFramesPerSecond);
    if (this.#controlFrameRate === undefined) return;
    const limitName = 'maxControlFramesPerSecond';
    this.#allows(this.#controlFrameRate, 1, 'ERR_TOO_MANY_CONTROL_FRAMES', 'pings and pongs', limitName);
  }

  /** Stops the monitor, because the connection is over. */
  stop(): void {
    this.#isStopped = true;
    if (this.#ticket !== undefined) timers.cancel(this, this.#ticket);
    this.#ticket = undefined;
  }

  onDeadline(): void {
    this.#ticket = undefined;
    this.#deadlineMs = undefined;
    // While this process was busy, bytes of the peer may have come in time without being read. Node reads them before
    // it runs immediates.
    setImmediate(() => this.#check());
  }

  #noteActivity(nowMs: number): void {
    this.#lastReceivedMs = nowMs;
    this.#pingedMs = undefined;
  }

  #check(): void {
    if (this.#isStopped) return;
    const nowMs = timers.nowMs;
    if (this.#controlFrameRate?.isUnused(nowMs) === true) this.#controlFrameRate = undefined;
    const { isReading } = this.#connection;
    if (this.#partialMessage !== undefined && nowMs >= this.#partialMessage.dueMs) {
      this.#onMessageDue(this.#partialMessage, nowMs, isReading);
    }
    switch (heartbeatStep(this.#limits, this.#lastReceivedMs, this.#pingedMs, nowMs, isReading)) {
      case 'ping':
        this.#pingedMs = nowMs;
        this.#unansweredPings++;
        this.#connection.sendPing();
        break;
      case 'pong':
        this.#noteActivity(nowMs);
        this.#connection.sendPong();
        break;
      case 'dead':
        this.#onDead(nowMs);
        return;
      default:
    }
    this.#arm();
  }

  #onMessageDue(message: PartialMessage, nowMs: number, isReading: boolean): void {
    if (!isReading) {
      message.restart(nowMs);
      return;
    }
    const { incompleteMessageTimeoutMs } = this.#limits;
    this.#partialMessage = undefined;
    this.#reportExceeded(
      'ERR_INCOMPLETE_MESSAGE',
      `the peer did not finish a message within ${incompleteMessageTimeoutMs} ms (incompleteMessageTimeoutMs), nor ` +
        `send ${STEP_BYTES} more bytes of it`,
      incompleteMessageTimeoutMs,
      incompleteMessageTimeoutMs,
    );
  }

  #onDead(nowMs: number): void {
    const { pongTimeoutMs } = this.#limits;
    const silenceMs = Math.round(nowMs - this.#lastReceivedMs);
    this.#reportExceeded(
      'ERR_HEARTBEAT',
      `the peer is gone: no bytes for ${silenceMs} ms, no answer to a ping within ${pongTimeoutMs} ms (pongTimeoutMs)`,
      pongTimeoutMs,
      silenceMs,
    );
  }

  /** Sets the deadline to the time that is due first, unless an earlier deadline is set. */
  #arm(): void {
    const heartbeatMs = heartbeatDueMs(this.#limits, this.#lastReceivedMs, this.#pingedMs);
    // Bytes that answer a ping set no deadline. This deadline must therefore not be later than the next ping, which is
    // due before the end of pongTimeoutMs where pingIntervalMs is shorter.
    const nextPingMs = this.#pingedMs === undefined ? Infinity : timers.nowMs + this.#limits.pingIntervalMs;
    const dueMs = Math.min(heartbeatMs, nextPingMs, this.#partialMessage?.dueMs ?? Infinity);
    if (dueMs >= (this.#deadlineMs ?? Infinity) || this.#isStopped) return;
    if (this.#ticket !== undefined) timers.cancel(this, this.#ticket);
    this.#ticket = timers.schedule(this, Math.max(0, dueMs - timers.nowMs));
    this.#deadlineMs = dueMs;
  }

  #allows(limit: RateLimit, amount: number, code: ErrorCode, counted: string, limitName: string): boolean {
    const stalledMs = timers.stalledMs - this.#stalledMs;
    if (stalledMs > 0) {
      this.#stalledMs += stalledMs;
      this.#creditTime(stalledMs);
    }
    if (limit.take(amount, timers.nowMs)) return true;
    const { observed, perSecond } = limit;
    this.#reportExceeded(
      code,
      `too many ${counted}: ${observed} within a second (${limitName} ${perSecond})`,
      perSecond,
      observed,
    );
    return false;
  }

  #creditTime(durationMs: number): void {
    if (durationMs >= 1000) this.#controlFrameRate ??= rateLimit(this.#limits.maxControlFramesPerSecond);
    const nowMs = timers.nowMs;
    this.#messageRate?.credit(durationMs, nowMs);
    this.#byteRate?.credit(durationMs, nowMs);
    this.#controlFrameRate?.credit(durationMs, nowMs);
  }

  #reportExceeded(code: ErrorCode, message: string, limit: number, observed: number): void {
    const componentSignature = this.#connection.component;
    const endCause = code === 'ERR_HEARTBEAT' ? 'heartbeat' : 'limit';
    this.#connection.onLimitExceeded(
      new FourDError(code, message, { componentSignature, side: 'remote', endCause, limit, observed }),
    );
  }
}

function rateLimit(perSecond: number): RateLimit | undefined {
  return perSecond === Infinity ? undefined : new RateLimit(perSecond, timers.nowMs);
}
