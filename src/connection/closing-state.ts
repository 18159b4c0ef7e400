import type { EndCause, EndPhase } from '../errors.ts';
import { CLOSE_ABNORMAL } from '../protocol/constants.ts';
import { type Deadline, timers } from '../base/timers.ts';

/** How a connection ended. */
export interface Ending {
  /** The peer's close code, the code that a failure sent, or 1006 when no close frame came. */
  readonly code: number;
  /** The peer's reason, undefined when it gave none. */
  readonly reason: string | undefined;
  /** Whether both close frames were exchanged and nothing went wrong. */
  readonly wasClean: boolean;
  readonly cause: EndCause;
  readonly phase: EndPhase;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly openMs: number;
}

/** Hears that a connection takes too long to end. */
export interface ClosingListener {
  onCloseTimeout(): void;
}

/**
 * What is known of the end of a connection, and the deadline for it.
 *
 * @remarks Made when the end begins: connections are open for hours, and closing for a moment.
 */
export class ClosingState implements Deadline {
  code: number = CLOSE_ABNORMAL;
  reason: string | undefined;
  /** Why the connection ends, once that is known. */
  cause: EndCause | undefined;
  phase: EndPhase = 'open';
  /** What has decided how the connection ends, undefined until something has. */
  outcome: 'close-frame' | 'failure' | 'destroyed' | undefined;
  isOver = false;
  /** The shortest time that the peer was given to answer our close frame. */
  waitMs: number = Infinity;
  readonly #listener: ClosingListener;
  /** The ticket of the timer wheel for the current deadline. */
  #ticket: number | undefined;

  constructor(listener: ClosingListener) {
    this.#listener = listener;
  }

  /** Whether the closing handshake is over, well or not: only TCP is left to end. */
  get isHandshakeOver(): boolean {
    return this.outcome === 'close-frame' || this.outcome === 'failure';
  }

  /** The connection ends after this time at the latest. An earlier deadline stays. */
  setDeadline(timeoutMs: number): void {
    if (timeoutMs === Infinity) return;
    this.waitMs = Math.min(this.waitMs, Math.round(timeoutMs));
    const before = this.#ticket;
    const ticket = timers.schedule(this, timeoutMs);
    this.#ticket = Math.min(ticket, before ?? ticket);
    if (before !== undefined && before !== ticket) timers.cancel(this, Math.max(ticket, before));
  }

  /** The connection is over. */
  finish(): void {
    this.isOver = true;
    if (this.#ticket !== undefined) timers.cancel(this, this.#ticket);
    this.#ticket = undefined;
  }

  onDeadline(): void {
    this.#ticket = undefined;
    this.#listener.onCloseTimeout();
  }
}
