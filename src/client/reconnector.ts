import { setImmediate, wallMs } from '../base/clock.ts';
import { follow, ignoreRejection, onRejection } from '../base/promises.ts';
import { callbackFailed, type EndCause, type EndPhase, FourDError, textOfThrown } from '../errors.ts';
import { reportError } from '../workers/error-handling.ts';
import type { CallScope } from '../workers/call-scope.ts';
import { isThenable } from '../workers/worker.ts';
import { CLOSE_ABNORMAL } from '../protocol/constants.ts';
import type { Leftovers } from '../connection/handover.ts';
import type { Ending } from '../connection/closing-state.ts';
import type { SendStatus } from '../connection/send-status.ts';
import { type BacklogMessage, SendBacklog } from '../connection/send-backlog.ts';
import { type Deadline, timers } from '../base/timers.ts';
import type { SendOptions } from '../session/data-type.ts';
import type { CheckedReconnect, ConnectionLoss } from './reconnect-options.ts';
import { backoffDelayMs, isTemporary, OWN_CAUSES, parseRetryAfterMs } from './reconnect-policy.ts';

/** An attempt that is due. */
export interface NextAttempt {
  /** Number of the attempt, from 1. */
  readonly attempt: number;
  readonly delayMs: number;
}

/**
 * `idle`: the connection is open, or an attempt is being made. `deciding`: the user's `shouldReconnect` runs.
 * `waiting`: an attempt is due later. `preparing`: the user's `url()` and `headers()` have been called. `over`: there
 * will be no further attempt.
 */
type ReconnectorState = 'idle' | 'deciding' | 'waiting' | 'preparing' | 'over';

/** Makes the attempts that a {@link Reconnector} schedules. */
export interface ReconnectorOwner {
  /**
   * An attempt is due.
   *
   * @param url - the result of the user's `url()`, undefined to use the URL of the first attempt
   * @param headers - the result of the user's `headers()`, undefined to use the headers of the handler
   */
  onAttempt(url: unknown, headers: unknown): void;
  /** The user's `url()` or `headers()` failed. The owner calls {@link Reconnector.reconnectAfterFailure}. */
  onConnectFailed(error: FourDError): void;
}

/** Figures of one connection, or their sums over the connections of one session. */
export type Figures = Pick<Ending, 'bytesReceived' | 'bytesSent' | 'openMs'>;

/** Figures of a session that never connected. */
export const NO_FIGURES: Figures = { bytesReceived: 0, bytesSent: 0, openMs: 0 };

const PREPARING = { componentSignature: 'HTCL', phase: 'preparing' } as const;

/** Decides whether and when a client reconnects, and queues messages until then. */
export class Reconnector implements Deadline {
  /** Sums over the connections that have ended. */
  #figures = NO_FIGURES;
  readonly #settings: CheckedReconnect;
  readonly #scope: CallScope;
  readonly #handshakeTimeoutMs: number;
  readonly #owner: ReconnectorOwner;
  readonly #queue = new SendBacklog();
  #queuedCount = 0;
  #lostUncertainCount = 0;
  #uncertainCount = 0;
  #attempt = 0;
  #ticket: number | undefined;
  #state: ReconnectorState = 'idle';
  /** Counts the changes of the state: what an earlier state has begun is ignored. */
  #stateCount = 0;
  /** True when the user wants another connection as soon as the present one is over. */
  #isAttemptWanted = false;
  #stopReason: string | undefined;

  constructor(settings: CheckedReconnect, scope: CallScope, handshakeTimeoutMs: number, owner: ReconnectorOwner) {
    this.#settings = settings;
    this.#scope = scope;
    this.#handshakeTimeoutMs = handshakeTimeoutMs;
    this.#owner = owner;
  }

  /** Whether there will be no further attempt. */
  get isOver(): boolean {
    return this.#state === 'over';
  }

  /** Whether an attempt is due later. */
  get isWaiting(): boolean {
    return this.#state === 'waiting';
  }

  /** A text that tells why there is no further attempt; undefined when the ending of the connection tells it. */
  get stopReason(): string | undefined {
    return this.#stopReason;
  }

  /** Number of the last attempt, 0 before the first. */
  get attempt(): number {
    return this.#attempt;
  }

  /** How many messages wait for a connection. */
  get queuedCount(): number {
    return this.#queuedCount;
  }

  /** Size of the messages that wait (of text: UTF-16 units). */
  get queuedBytes(): number {
    return this.#queue.bytes;
  }

  /** Messages that may have arrived or not, of the connection that has ended last. */
  get lostUncertainCount(): number {
    return this.#lostUncertainCount;
  }

  /** Messages that may have arrived or not, of all connections that have ended. */
  get uncertainCount(): number {
    return this.#uncertainCount;
  }

  /** Adds the figures of one more connection, and returns the sums. */
  addFigures({ bytesReceived, bytesSent, openMs }: Figures): Figures {
    const before = this.#figures;
    this.#figures = {
      bytesReceived: before.bytesReceived + bytesReceived,
      bytesSent: before.bytesSent + bytesSent,
      openMs: before.openMs + openMs,
    };
    return this.#figures;
  }

  /** Queues a message for the next connection. Bytes are copied. */
  enqueue(data: string | Buffer, options: SendOptions | undefined): SendStatus {
    const { maxQueuedMessages, maxQueuedBytes } = this.#settings;
    if (this.#queuedCount >= maxQueuedMessages || this.#queue.bytes + data.length > maxQueuedBytes) return 'dropped';
    const copy = typeof data === 'string' ? data : Buffer.from(data);
    this.#queue.push({ data: copy, compress: options?.compress, bytes: data.length }, false);
    this.#queuedCount++;
    return 'queued';
  }

  /**
   * Takes over the messages of a connection that has ended: those that it has not sent wait in front of all others, also
   * beyond the limits of the queue.
   */
  takeOver({ unsent, uncertainCount }: Leftovers): void {
    this.#queue.prepend(unsent);
    this.#queuedCount += unsent.length;
    this.#lostUncertainCount = uncertainCount;
    this.#uncertainCount += uncertainCount;
  }

  /** Takes the oldest queued message, undefined when the queue is empty. */
  shift(): BacklogMessage | undefined {
    const message = this.#queue.shift();
    if (message !== undefined) this.#queuedCount--;
    return message;
  }

  /** Queues a message that {@link shift} has taken again, in front of all others. */
  putBack(message: BacklogMessage): void {
    this.#queue.prepend([message]);
    this.#queuedCount++;
  }

  /** Takes all queued messages, for `unsentMessages` of onTerminate. */
  takeUnsent(): (string | Buffer)[] {
    const unsent: (string | Buffer)[] = [];
    for (let message = this.shift(); message !== undefined; message = this.shift()) {
      unsent.push(message.data as string | Buffer);
    }
    return unsent;
  }

  /**
   * Schedules an attempt after a connection has ended, if another connection is to follow.
   *
   * @param error - the error that ended the connection, undefined after a closing handshake by the peer
   * @returns the attempt that is scheduled, for which {@link ReconnectorOwner.onAttempt} follows; undefined for none
   */
  reconnectAfterLoss(ending: Ending, error: FourDError | undefined): NextAttempt | undefined {
    const { code, reason, cause, phase, openMs } = ending;
    // Resetting the count when a connection opens would let a server that drops at once be called without a pause.
    if (openMs >= this.#settings.maxDelayMs) this.#attempt = 0;
    const uncertainMessages = this.#lostUncertainCount;
    return this.#scheduleAttempt({ code, reason, cause, phase, error, uncertainMessages });
  }

  /** Schedules an attempt after one has failed, the first included, as {@link reconnectAfterLoss} does. */
  reconnectAfterFailure(error: FourDError, cause: EndCause, phase: EndPhase): NextAttempt | undefined {
    return this.#scheduleAttempt({
      code: CLOSE_ABNORMAL,
      reason: undefined,
      cause,
      phase,
      error,
      uncertainMessages: 0,
    });
  }

  /**
   * Makes an attempt in the next turn, whatever it waits for, and counts from 1 again. While the client has a
   * connection, and while `shouldReconnect` decides, the attempt follows the end of that connection or decision,
   * whatever they say.
   */
  attemptNow(hasConnection: boolean): void {
    if (hasConnection || this.#state === 'deciding') this.#isAttemptWanted = true;
    else this.#startWanted();
  }

  /** Makes no further attempt. Queued messages stay until {@link takeUnsent}. */
  end(): void {
    this.#isAttemptWanted = false;
    this.#enter('over');
  }

  onDeadline(): void {
    this.#ticket = undefined;
    timers.unref();
    if (this.#state === 'waiting') {
      // The user's functions, and code of the user that the attempt runs, such as `tls.lookup`.
      this.#scope.run(() => this.#prepare());
      return;
    }
    this.#enter('idle');
    const limit = `${this.#handshakeTimeoutMs} ms (handshakeTimeoutMs)`;
    const message = `reconnect.url or reconnect.headers timed out after ${limit}`;
    this.#owner.onConnectFailed(new FourDError('ERR_HANDSHAKE_TIMEOUT', message, PREPARING));
  }

  #scheduleAttempt(loss: Omit<ConnectionLoss, 'attempt' | 'isTemporary'>): NextAttempt | undefined {
    if (this.#isAttemptWanted) return this.#startWanted();
    const { code, cause, phase, error } = loss;
    const { maxAttempts } = this.#settings;
    const attempt = this.#attempt + 1;
    const isOwn = OWN_CAUSES.has(cause);
    const event: ConnectionLoss = { ...loss, attempt, isTemporary: !isOwn && isTemporary(code, phase, error) };
    const retryAfterMs = parseRetryAfterMs(error?.httpHeaders?.['retry-after'], wallMs());
    if (isOwn || this.isOver) return this.#giveUp(undefined);
    if (attempt > maxAttempts) {
      return this.#giveUp(
        `gave up reconnecting after ${this.#attempt} attempts (reconnect.maxAttempts ${maxAttempts})`,
      );
    }
    const isWanted = this.#isWanted(event);
    // The user's shouldReconnect may have called reconnect() or terminate().
    if (this.#isAttemptWanted) return this.#startWanted();
    if (!isWanted) {
      const reason = this.#settings.shouldReconnect
        ? 'reconnect.shouldReconnect did not return true'
        : 'this end is not temporary (reconnect.shouldReconnect can decide otherwise)';
      return this.#giveUp(`not reconnecting: ${reason}`);
    }
    if (this.isOver) return this.#giveUp(undefined);
    this.#attempt = attempt;
    // With Retry-After alone, all clients would come back at the same moment.
    const delayMs = retryAfterMs + backoffDelayMs(attempt, this.#settings, Math.random());
    this.#enter('waiting');
    this.#setDeadline(delayMs);
    return { attempt, delayMs };
  }

  /** Makes the attempt that the user wants, in the next turn, because it calls functions of the user. */
  #startWanted(): NextAttempt {
    this.#isAttemptWanted = false;
    this.#attempt = 1;
    const stateCount = this.#enter('waiting');
    setImmediate(() => {
      if (this.#stateCount === stateCount) this.#scope.run(() => this.#prepare());
    });
    return { attempt: 1, delayMs: 0 };
  }

  #giveUp(stopReason: string | undefined): undefined {
    this.#stopReason ??= stopReason;
    this.end();
  }

  /** Changes the state, and drops what the state before it has begun. Returns the count of states. */
  #enter(state: ReconnectorState): number {
    this.#clearDeadline();
    this.#state = state;
    return ++this.#stateCount;
  }

  #isWanted(event: ConnectionLoss): boolean {
    const { shouldReconnect } = this.#settings;
    if (shouldReconnect === undefined) return event.isTemporary;
    this.#state = 'deciding';
    return this.#scope.run(() => this.#ask(shouldReconnect, event));
  }

  #ask(shouldReconnect: NonNullable<CheckedReconnect['shouldReconnect']>, event: ConnectionLoss): boolean {
    const report = (thrown: unknown): void =>
      reportError(callbackFailed('shouldReconnect', thrown), this.#scope.worker);
    try {
      const decision: unknown = shouldReconnect(event);
      // A promise is truthy whatever it resolves to, so only `true` counts.
      onRejection(decision, report);
      return decision === true;
    } catch (thrown) {
      report(thrown);
      return false;
    } finally {
      if (this.#state === 'deciding') this.#state = 'idle';
    }
  }

  /** Calls the user's `url()` and `headers()`, then makes the attempt. In the scope of the client. */
  #prepare(): void {
    const { url, headers } = this.#settings;
    if (url === undefined && headers === undefined) {
      this.#enter('idle');
      this.#owner.onAttempt(undefined, undefined);
      return;
    }
    const stateCount = this.#enter('preparing');
    if (this.#handshakeTimeoutMs !== Infinity) this.#setDeadline(this.#handshakeTimeoutMs);
    const finish = (report: () => void): void => {
      if (this.#stateCount !== stateCount) return;
      this.#enter('idle');
      report();
    };
    const both = [callLater(url), callLater(headers)];
    // Promise.all tells the first failure alone.
    for (const each of both) ignoreRejection(each);
    Promise.all(both).then(
      // An undefined URL becomes '', which is an error: to onAttempt undefined means the URL of the first attempt.
      ([newUrl = '', newHeaders]) =>
        finish(() => this.#owner.onAttempt(url === undefined ? undefined : newUrl, newHeaders)),
      (cause: unknown) =>
        finish(() => {
          const message = `cannot connect: reconnect.url or reconnect.headers failed: ${textOfThrown(cause)}`;
          this.#owner.onConnectFailed(new FourDError('ERR_CONNECT_FAILED', message, { ...PREPARING, cause }));
        }),
    );
  }

  #setDeadline(delayMs: number): void {
    this.#ticket = timers.schedule(this, delayMs);
    // Without a socket, only this timer keeps the process alive until the next attempt.
    timers.ref();
  }

  #clearDeadline(): void {
    if (this.#ticket === undefined) return;
    timers.cancel(this, this.#ticket);
    this.#ticket = undefined;
    timers.unref();
  }
}

/** Calls a function of the user. What it throws becomes a rejection, so that no other promise is left unawaited. */
async function callLater(act: (() => unknown) | undefined): Promise<unknown> {
  const result = act?.();
  // Without await, the `then` of the promise would be called, which user code may have replaced.
  return isThenable(result) ? await follow(result) : result;
}
