import { AsyncResource } from 'node:async_hooks';
import type { Duplex } from 'node:stream';
import { type Deadline, timers } from '../base/timers.ts';
import type { UpgradeRequest } from '../handshake/server-handshake.ts';
import { PendingAnswers } from './pending-answers.ts';
import { type RefusalListener, refuseUpgrade, type UpgradeRefusal } from './upgrade-refusal.ts';

/** Longest wait of an upgrade request for the answers before it, when its acceptor has no limit of its own. */
const HELD_TIMEOUT_MS = 10_000;

const HELD_TOO_LONG: UpgradeRefusal = {
  status: 503,
  cause: 'timeout',
  reason: 'earlier requests of this connection are still being answered',
  advice:
    'The client sent this request behind others that are still being answered, so the connection was cut without an answer: ' +
    'answer those sooner, or raise handshakeTimeoutMs.',
};

/**
 * Calls `proceed` when the answers before an upgrade request are over: at once when there are none.
 *
 * @param timeoutMs - by default {@link HELD_TIMEOUT_MS}; Infinity for no limit
 * @param giveUp - called instead when the time is up
 */
export function holdUpgrade(
  socket: Duplex,
  timeoutMs: number | undefined,
  proceed: () => void,
  giveUp: () => void,
): void {
  const pending = PendingAnswers.of(socket);
  if (pending === undefined || pending.count === 0) proceed();
  else new HeldUpgrade(socket, proceed, giveUp).wait(pending, timeoutMs ?? HELD_TIMEOUT_MS);
}

/** Refuses a request that was held too long. Nothing can be written, because an earlier answer is being sent. */
export function refuseHeld(request: UpgradeRequest, socket: Duplex, listener: RefusalListener | undefined): void {
  refuseUpgrade(request, socket, HELD_TOO_LONG, listener, () => {});
  // The listener has read the address of the client, which a destroyed socket does not tell any more.
  socket.destroy();
}

/**
 * An upgrade request that came while answers to earlier requests of its connection were pending (pipelining).
 *
 * @remarks Node hands the socket out at once, and goes on to write those answers to it. A 101 would overtake them, and
 * they would lie in the middle of the WebSocket stream.
 */
class HeldUpgrade implements Deadline {
  readonly #socket: Duplex;
  readonly #proceed: () => void;
  readonly #giveUp: () => void;
  #ticket: number | undefined;

  constructor(socket: Duplex, proceed: () => void, giveUp: () => void) {
    this.#socket = socket;
    this.#giveUp = giveUp;
    // The end of an earlier answer leads to it, in the `AsyncLocalStorage` contexts of the listener that gave the answer.
    this.#proceed = AsyncResource.bind(proceed);
  }

  wait(pending: PendingAnswers, timeoutMs: number): void {
    if (timeoutMs !== Infinity) this.#ticket = timers.schedule(this, timeoutMs);
    pending.onceAllOver(() => {
      if (this.#ticket !== undefined) timers.cancel(this, this.#ticket);
      if (this.#socket.writable) this.#proceed();
    });
  }

  onDeadline(): void {
    this.#giveUp();
  }
}
