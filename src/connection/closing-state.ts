import type { EndCause, EndPhase, FourDError } from '../errors.ts';
import { CLOSE_ABNORMAL } from '../protocol/constants.ts';
import { type Deadline, timers } from '../base/timers.ts';

/** How a connection ended. */
export interface Ending {
  /** The peer's close code, the code that a failure sent, or 1006 when no close frame came. */
  readonly code: number;
  /** The peer's reason, undefined when the peer gave none. */
  readonly reason: string | undefined;
  /** Whether both close frames were exchanged and nothing went wrong. */
  readonly wasClean: boolean;
  readonly cause: EndCause;
  readonly phase: EndPhase;
  /** The error that ended the connection, undefined for none. */
  readonly error?: FourDError | undefined;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly openMs: number;
}

/** Is told that a connection takes too long to end. */
export interface ClosingListener {
  onCloseTimeout(): void;
}

/**
 * How far a connection has come on the way to its end, and the deadline for that end.
 *
 * @remarks A connection creates this object only when its end begins, because it is open for hours and closing for a
 * moment: an open connection then holds no fields for its end.
 */
export class ClosingState implements Deadline {
  code: number = CLOSE_ABNORMAL;
  reason: string | undefined;
  /** The code of the close frame that this side sent first, undefined until then. */
  sentCode: number | undefined;
  /** Why the connection ends, undefined until that is known. */
  cause: EndCause | undefined;
  phase: EndPhase = 'open';
  /** The error that ends the connection, undefined for none. */
  error: FourDError | undefined;
  /** The event that decided how the connection ends, undefined until it happens. */
  outcome: 'close-frame' | 'failure' | 'destroyed' | undefined;
  isOver = false;
  /** The shortest time that the peer was given to answer the close frame of this end. */
  shortestTimeoutMs: number = Infinity;
  readonly #listener: ClosingListener;
  /** The ticket of the timer wheel for the current deadline, undefined while there is none. */
  #ticket: number | undefined;

  constructor(listener: ClosingListener) {
    this.#listener = listener;
  }

  /** Whether the closing handshake is over, completed or failed: only TCP is left to end. */
  get isHandshakeOver(): boolean {
    return this.outcome === 'close-frame' || this.outcome === 'failure';
  }

  /**
   * Whether the peer has answered our close frame, and so has read all that came before it. An answer repeats the code;
   * another code shows that the peer has closed at the same moment.
   */
  get isAnswered(): boolean {
    return this.outcome === 'close-frame' && this.code === this.sentCode;
  }

  /** Ends the connection after this time at the latest. An earlier deadline stays. */
  setDeadline(timeoutMs: number): void {
    if (timeoutMs === Infinity) return;
    this.shortestTimeoutMs = Math.min(this.shortestTimeoutMs, Math.round(timeoutMs));
    const earlierTicket = this.#ticket;
    const ticket = timers.schedule(this, timeoutMs);
    this.#ticket = Math.min(ticket, earlierTicket ?? ticket);
    if (earlierTicket !== undefined && earlierTicket !== ticket) timers.cancel(this, Math.max(ticket, earlierTicket));
  }

  /** Marks the connection as over and cancels the deadline. */
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
