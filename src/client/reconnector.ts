import { callbackFailed, type EndCause, FourDError, textOfThrown } from '../errors.ts';
import { reportError } from '../workers/error-handling.ts';
import type { Worker } from '../workers/worker.ts';
import { CLOSE_ABNORMAL } from '../protocol/constants.ts';
import type { Ending } from '../connection/closing-state.ts';
import type { SendStatus } from '../connection/connection.ts';
import { type BacklogMessage, SendBacklog } from '../connection/send-backlog.ts';
import { type Deadline, timers } from '../base/timers.ts';
import type { SendOptions } from '../session/data-type.ts';
import type { CheckedReconnect, ConnectionLoss } from './reconnect-options.ts';
import { backoffDelay, isTemporary, parseRetryAfter } from './reconnect-policy.ts';

/** This program wanted the end. */
const OWN_CAUSES: ReadonlySet<EndCause> = new Set(['local', 'aborted', 'worker', 'callback']);

/** Connects, when a {@link Reconnector} says so. */
export interface ReconnectorOwner {
  /**
   * It is time for an attempt.
   *
   * @param url - what the user's `url()` has given, undefined to use the first one
   * @param headers - what the user's `headers()` has given, undefined to use the handler's
   */
  onAttempt(url: unknown, headers: unknown): void;
  /** There is nothing to make an attempt with. The owner calls {@link Reconnector.attemptFailed}. */
  onConnectFailed(error: FourDError): void;
}

/** What connections that follow one another add up to. */
export type Figures = Pick<Ending, 'bytesReceived' | 'bytesSent' | 'openMs'>;

/** Those of no connection at all. */
export const NO_FIGURES: Figures = { bytesReceived: 0, bytesSent: 0, openMs: 0 };

const PREPARING = { componentSignature: 'HTCL', phase: 'preparing' } as const;

/** Decides whether and when a client connects again, and keeps what is sent meanwhile. */
export class Reconnector implements Deadline {
  /** What the connections before this one add up to. */
  #figures = NO_FIGURES;
  readonly #settings: CheckedReconnect;
  readonly #worker: Worker;
  readonly #handshakeTimeoutMs: number;
  readonly #owner: ReconnectorOwner;
  readonly #held = new SendBacklog();
  #heldCount = 0;
  #attempt = 0;
  #ticket: number | undefined;
  /** Number of the preparation that is running, undefined for none: what others give comes too late. */
  #preparation: number | undefined;
  #lastPreparation = 0;
  #isOver = false;
  #verdict: string | undefined;

  constructor(settings: CheckedReconnect, worker: Worker, handshakeTimeoutMs: number, owner: ReconnectorOwner) {
    this.#settings = settings;
    this.#worker = worker;
    this.#handshakeTimeoutMs = handshakeTimeoutMs;
    this.#owner = owner;
  }

  /** Whether there will be no further attempt. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Why there is no further attempt, for people; undefined where the end of the connection says it. */
  get verdict(): string | undefined {
    return this.#verdict;
  }

  /** Number of the last attempt, 0 before the first. */
  get attempt(): number {
    return this.#attempt;
  }

  /** How many messages wait for a connection. */
  get heldCount(): number {
    return this.#heldCount;
  }

  /** Their size. */
  get heldBytes(): number {
    return this.#held.bytes;
  }

  /** Adds the figures of one more connection to those of the ones before it. */
  addFigures({ bytesReceived, bytesSent, openMs }: Figures): Figures {
    const before = this.#figures;
    this.#figures = {
      bytesReceived: before.bytesReceived + bytesReceived,
      bytesSent: before.bytesSent + bytesSent,
      openMs: before.openMs + openMs,
    };
    return this.#figures;
  }

  /** Keeps a message for the next connection. Bytes are copied. */
  hold(data: string | Buffer, options: SendOptions | undefined): SendStatus {
    const { maxQueuedMessages, maxQueuedBytes } = this.#settings;
    if (this.#heldCount >= maxQueuedMessages || this.#held.bytes + data.length > maxQueuedBytes) return 'dropped';
    const kept = typeof data === 'string' ? data : Buffer.from(data);
    this.#held.push({ data: kept, compress: options?.compress, bytes: data.length }, false);
    this.#heldCount++;
    return 'queued';
  }

  /** Takes the oldest message that waits, undefined when none is left. */
  shift(): BacklogMessage | undefined {
    const message = this.#held.shift();
    if (message !== undefined) this.#heldCount--;
    return message;
  }

  /** Takes all messages that wait, for their sender to know. */
  takeUnsent(): (string | Buffer)[] {
    const unsent: (string | Buffer)[] = [];
    for (let message = this.shift(); message !== undefined; message = this.shift()) {
      unsent.push(message.data as string | Buffer);
    }
    return unsent;
  }

  /**
   * A connection has ended.
   *
   * @param error - what ended it, undefined when the peer closed it in order
   * @returns whether another one is to follow. If so, the owner hears of it.
   */
  takesOver(ending: Ending, error: FourDError | undefined): boolean {
    const { code, reason, cause, phase, openMs } = ending;
    // Not at the opening: a server that accepts and drops at once would be asked without a pause.
    if (openMs >= this.#settings.maxDelayMs) this.#attempt = 0;
    return this.#goesOn({ code, reason, cause, phase, error });
  }

  /** An attempt has failed. Returns as {@link takesOver}; false when it was the very first, which is not repeated. */
  attemptFailed(error: FourDError): boolean {
    const { endCause: cause = 'connect', phase = 'connecting' } = error;
    return this.#attempt > 0 && this.#goesOn({ code: CLOSE_ABNORMAL, reason: undefined, cause, phase, error });
  }

  /** Makes no further attempt. Messages that wait stay until {@link takeUnsent}. */
  end(): void {
    this.#isOver = true;
    this.#preparation = undefined;
    this.#clearDeadline();
  }

  onDeadline(): void {
    this.#ticket = undefined;
    timers.unref();
    if (this.#preparation === undefined) {
      this.#prepare();
      return;
    }
    this.#preparation = undefined;
    const message = `reconnect.url or reconnect.headers too slow: ${this.#handshakeTimeoutMs} ms (handshakeTimeoutMs)`;
    this.#owner.onConnectFailed(new FourDError('ERR_HANDSHAKE_TIMEOUT', message, PREPARING));
  }

  #goesOn(loss: Omit<ConnectionLoss, 'attempt' | 'isTemporary'>): boolean {
    const { code, cause, phase, error } = loss;
    const { maxAttempts } = this.#settings;
    const attempt = this.#attempt + 1;
    const isOwn = OWN_CAUSES.has(cause);
    const event: ConnectionLoss = { ...loss, attempt, isTemporary: !isOwn && isTemporary(code, phase, error) };
    if (isOwn || this.#isOver) return this.#giveUp(undefined);
    if (attempt > maxAttempts) {
      return this.#giveUp(`gave up connecting again: ${this.#attempt} attempts (reconnect.maxAttempts ${maxAttempts})`);
    }
    if (!this.#isWanted(event)) {
      const reason = this.#settings.shouldReconnect ? 'reconnect.shouldReconnect says so' : 'that would not help';
      return this.#giveUp(`not connecting again: ${reason}`);
    }
    // What the user decides may be to terminate: then this is over by now.
    if (this.#isOver) return this.#giveUp(undefined);
    this.#attempt = attempt;
    const retryAfter = parseRetryAfter(error?.httpHeaders?.['retry-after'], Date.now());
    // Not Retry-After alone: all clients would come back in the same moment.
    this.#setDeadline(retryAfter + backoffDelay(attempt, this.#settings, Math.random()));
    return true;
  }

  #giveUp(verdict: string | undefined): false {
    this.#verdict ??= verdict;
    this.end();
    return false;
  }

  #isWanted(event: ConnectionLoss): boolean {
    const { shouldReconnect } = this.#settings;
    if (shouldReconnect === undefined) return event.isTemporary;
    try {
      // A promise is no decision.
      const decision: unknown = this.#worker.enter(() => shouldReconnect(event));
      return decision === true;
    } catch (thrown) {
      reportError(callbackFailed('shouldReconnect', thrown), this.#worker);
      return false;
    }
  }

  /** Asks the user for URL and headers, as far as the options say so. */
  #prepare(): void {
    const { url, headers } = this.#settings;
    if (url === undefined && headers === undefined) {
      this.#owner.onAttempt(undefined, undefined);
      return;
    }
    const preparation = ++this.#lastPreparation;
    this.#preparation = preparation;
    if (this.#handshakeTimeoutMs !== Infinity) this.#setDeadline(this.#handshakeTimeoutMs);
    const finish = (report: () => void): void => {
      if (this.#preparation !== preparation) return;
      this.#preparation = undefined;
      this.#clearDeadline();
      report();
    };
    // Async, so that what they throw is a rejection too.
    const both = this.#worker.enter(async () => Promise.all([url?.(), headers?.()]));
    both.then(
      // An empty URL is an error, none would be the first one.
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
    // There is no socket that keeps the process alive until the next attempt.
    timers.ref();
  }

  #clearDeadline(): void {
    if (this.#ticket === undefined) return;
    timers.cancel(this, this.#ticket);
    this.#ticket = undefined;
    timers.unref();
  }
}
