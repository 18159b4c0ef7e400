import { monotonicMs } from '../base/clock.ts';
import { follow } from '../base/promises.ts';
import { Queue } from '../base/queue.ts';
import type { CallbackTimes } from '../diagnostics/callback-times.ts';
import type { FourDError } from '../errors.ts';
import { messageChannel } from '../diagnostics/channels.ts';
import type { CallScope } from '../workers/call-scope.ts';
import { isThenable } from '../workers/worker.ts';
import type {
  DisconnectEvent,
  DrainEvent,
  ErrorEvent,
  MessageEvent,
  OpenEvent,
  ReconnectEvent,
  ServerTerminateEvent,
  TerminateEvent,
} from './events.ts';
import { callHandler } from './call-handler.ts';
import { callbackWatcher } from './callback-watcher.ts';

/** The event of `onRefuse`, of which a queue needs to know no more. */
interface RefuseEvent {
  readonly type: 'refuse';
}

/** An event that a queue delivers. */
export type QueuedEvent =
  | OpenEvent
  | MessageEvent<unknown>
  | DrainEvent
  | DisconnectEvent
  | ReconnectEvent
  | ErrorEvent
  | RefuseEvent
  | TerminateEvent
  | ServerTerminateEvent;

/** Runs code of the user; does nothing, and returns undefined, when the queue is muted. */
export type RunUnlessMuted = <T>(code: () => T) => T | undefined;

/** Stands between a queue and the callbacks of its messages. */
export interface MessageGuard {
  /**
   * Calls onMessage by {@link callHandler}, with this event, with another one in its place, or not at all.
   *
   * @param run - calls code of the user
   * @returns a promise when the message will be delivered later; what it rejects with, and what the call throws, is the
   *   failure of onMessage
   */
  deliver(event: MessageEvent<unknown>, owner: CallbackOwner, run: RunUnlessMuted): unknown;
}

/** The socket or server whose callbacks a queue runs. */
export interface CallbackOwner {
  /** First parameter of each callback. */
  readonly subject: object;
  /** The object that has the callbacks. */
  readonly handler: object;
  /** Number of events that wait behind a callback when {@link onQueueFull} is called. */
  readonly maxWaitingEvents: number;
  /** Undefined where messages reach their callbacks as they are. */
  readonly messageGuard: MessageGuard | undefined;
  /** Decides which callbacks are timed. */
  readonly callbackTimes: CallbackTimes;
  /** Called when a callback that is timed is over. */
  onTimed(event: QueuedEvent, durationMs: number): void;
  /** Called when the callback of an event cannot run within {@link CallbackQueue.push}. */
  onWaiting(event: QueuedEvent): void;
  /** Called before each callback other than onMessage. */
  onBeforeCallback(event: QueuedEvent): void;
  /** Called after each callback other than onMessage, also when the handler has no such callback. */
  onAfterCallback(event: QueuedEvent): void;
  /** Called when the guard lets the connection end because of a message. */
  onInvalidMessage(error: FourDError): void;
  /** Called when a callback threw or rejected. `where` names what failed, if it was not the callback of the event. */
  onCallbackFailed(event: QueuedEvent, thrown: unknown, where?: string): void;
  /** The queue is full: stop reading from the peer. */
  onQueueFull(): void;
  /** No event waits any more, after {@link onQueueFull} or {@link CallbackQueue.notifyWhenIdle}: read on. */
  onQueueIdle(): void;
}

/** Name of the callback for each event. */
export const CALLBACK_NAMES = {
  open: 'onOpen',
  message: 'onMessage',
  error: 'onError',
  drain: 'onDrain',
  disconnect: 'onDisconnect',
  reconnect: 'onReconnect',
  refuse: 'onRefuse',
  terminate: 'onTerminate',
} as const;

/**
 * Runs the callbacks of one socket or server in the order of their events and never two at a time, in the
 * scope of the socket or server: its worker, and the `AsyncLocalStorage` contexts in which it was created.
 *
 * @remarks In the main process an event that finds the queue idle is delivered within the call of {@link push}.
 */
export class CallbackQueue {
  /** {@link #call} as a function, which needs no closure for each event. */
  static readonly #callIn = (queue: CallbackQueue, event: QueuedEvent): PromiseLike<void> | undefined =>
    queue.#call(event);

  readonly #owner: CallbackOwner;
  readonly #scope: CallScope;
  /** Created when the first event has to wait, which never happens with synchronous callbacks. */
  #waiting: Queue<QueuedEvent> | undefined;
  #isBusy = false;
  #waitsForPromises = true;
  /** True while the owner is to be told when no event waits any more. */
  #isIdleAwaited = false;
  #isMuted = false;

  constructor(owner: CallbackOwner, scope: CallScope) {
    this.#owner = owner;
    this.#scope = scope;
  }

  /** Delivers an event: now, or after the events before it. */
  push(event: QueuedEvent): void {
    if (this.#isBusy) {
      this.#waiting ??= new Queue();
      this.#waiting.push(event);
      this.#owner.onWaiting(event);
      if (this.#waiting.length >= this.#owner.maxWaitingEvents && !this.#isIdleAwaited) {
        this.#isIdleAwaited = true;
        this.#owner.onQueueFull();
      }
      return;
    }
    this.#isBusy = true;
    if (this.#scope.worker.isMain ? this.#runHere(event) : this.#runInWorker(event)) this.#next();
  }

  /**
   * Calls `read` with the other two, which pushes any number of messages.
   *
   * @remarks Their callbacks do not enter the scope one by one, which would take 20 to 40 ns each: a tenth of the time that
   * the library needs for a short echo. Only messages of this queue are that near: what callbacks cause elsewhere enters
   * the scope, because `enterWith` may have changed the contexts.
   */
  pushAll<A, B>(read: (first: A, second: B) => void, first: A, second: B): void {
    const scope = this.#scope;
    const outer = scope.reader;
    scope.reader = this;
    try {
      scope.run(read, first, second);
    } finally {
      scope.reader = outer;
    }
  }

  /**
   * Delivers an event within the message that the worker is running, instead of behind that message.
   *
   * @remarks Only for the first event of a queue: onOpen of a client belongs to the call that creates the client, or
   * that connects it again after its end. Behind the running message, onOpen would wait for the very message that waits
   * for the connection. For the same reason the event goes in front of messages that wait.
   */
  pushFirst(event: QueuedEvent): void {
    this.#isBusy = true;
    const isHere = this.#scope.worker.isMain || this.#scope.worker.isBusy;
    if (isHere ? this.#runHere(event) : this.#runInWorker(event, true)) this.#next();
  }

  /** Delivers an event in front of the events that wait. Only while a callback runs or has just finished. */
  pushNext(event: QueuedEvent): void {
    this.#waiting ??= new Queue();
    this.#waiting.unshift(event);
  }

  /**
   * Asks for {@link CallbackOwner.onQueueIdle} when no event waits any more. Only while a callback runs or has just
   * finished.
   */
  notifyWhenIdle(): void {
    this.#isIdleAwaited = true;
  }

  /**
   * Waits for no promise any more: from now on a callback makes others wait only until it returns.
   *
   * @remarks Has no effect in a worker, where one task at a time runs whatever happens.
   */
  stopWaiting(): void {
    if (!this.#scope.worker.isMain || !this.#waitsForPromises) return;
    this.#waitsForPromises = false;
    if (this.#isBusy) this.#next();
  }

  /** Stops delivering message and drain events. Those that wait are dropped now: the callback before may hang for ever. */
  mute(): void {
    this.#isMuted = true;
    this.#dropWaiting(isMutable);
  }

  /** Drops the messages that wait. Those that come later are delivered. */
  dropMessages(): void {
    this.#dropWaiting(({ type }) => type === 'message');
  }

  #dropWaiting(isDropped: (event: QueuedEvent) => boolean): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    for (let event = waiting?.shift(); event !== undefined; event = waiting?.shift()) {
      if (isDropped(event)) continue;
      this.#waiting ??= new Queue();
      this.#waiting.push(event);
    }
  }

  /** Delivers the events that wait, in a loop: a thousand events must not need a thousand stack frames. */
  #next(): void {
    for (let event = this.#waiting?.shift(); event !== undefined; event = this.#waiting?.shift()) {
      if (!(this.#scope.worker.isMain ? this.#runHere(event) : this.#runInWorker(event))) return;
    }
    this.#isBusy = false;
    if (!this.#isIdleAwaited) return;
    this.#isIdleAwaited = false;
    this.#owner.onQueueIdle();
  }

  /** Returns whether the callback is over; if not, {@link #next} runs when it is. */
  #runHere(event: QueuedEvent): boolean {
    const isInside = this.#scope.reader === this && event.type === 'message';
    const result = isInside ? this.#call(event) : this.#scope.run(CallbackQueue.#callIn, this, event);
    if (!isThenable(result) || !this.#waitsForPromises) return true;
    result.then(() => this.#next());
    return false;
  }

  #runInWorker(event: QueuedEvent, isFirst = false): boolean {
    let hasBegun = false;
    let isOver = false;
    let isLater = false;
    const run = (): unknown => {
      hasBegun = true;
      return this.#scope.run(CallbackQueue.#callIn, this, event);
    };
    const done = (): void => {
      isOver = true;
      if (isLater) this.#next();
    };
    if (isFirst) this.#scope.worker.runTaskFirst(run, done);
    else this.#scope.worker.runTask(run, done);
    if (!hasBegun) this.#owner.onWaiting(event);
    isLater = true;
    return isOver;
  }

  /** Calls the handler. Returns a promise that never rejects, or undefined when the callback is over. */
  #call(event: QueuedEvent): PromiseLike<void> | undefined {
    if (this.#isMuted && isMutable(event)) return undefined;
    if (event.type !== 'message') {
      this.#owner.onBeforeCallback(event);
      freezeEvent(event);
    }
    const startMs =
      this.#owner.callbackTimes.countOne() || messageChannel.hasSubscribers ? this.#begin(event) : undefined;
    try {
      const guard = this.#owner.messageGuard;
      const result = guard === undefined ? this.#callHandler(event) : this.#callGuarded(guard, event);
      if (isThenable(result)) {
        const isOver = this.#finishLater(event, result, startMs);
        // Refusals are news for people: nothing waits until they are told.
        return event.type === 'refuse' ? undefined : isOver;
      }
    } catch (thrown) {
      this.#fail(event, thrown, startMs);
      return undefined;
    }
    this.#finish(event, startMs);
    return undefined;
  }

  /** Returns when a callback that is timed was called. */
  #begin(event: QueuedEvent): number {
    callbackWatcher()?.onCallback(this.#owner.subject, event);
    return monotonicMs();
  }

  #callHandler(event: QueuedEvent): unknown {
    return callHandler(this.#owner.handler, CALLBACK_NAMES[event.type], this.#owner.subject, event);
  }

  #callGuarded(guard: MessageGuard, event: QueuedEvent): unknown {
    if (event.type !== 'message') return this.#callHandler(event);
    return guard.deliver(event, this.#owner, (code) => (this.#isMuted ? undefined : code()));
  }

  async #finishLater(event: QueuedEvent, result: PromiseLike<unknown>, startMs: number | undefined): Promise<void> {
    try {
      await follow(result);
    } catch (thrown) {
      this.#fail(event, thrown, startMs);
      return;
    }
    this.#finish(event, startMs);
  }

  /** @param startMs - when the callback was called; undefined when it is not timed */
  #finish(event: QueuedEvent, startMs: number | undefined): void {
    if (startMs !== undefined) {
      this.#owner.onTimed(event, monotonicMs() - startMs);
      callbackWatcher()?.onCallbackOver(this.#owner.subject, event);
    }
    if (event.type !== 'message') this.#owner.onAfterCallback(event);
  }

  #fail(event: QueuedEvent, thrown: unknown, startMs: number | undefined): void {
    this.#owner.onCallbackFailed(event, thrown);
    this.#finish(event, startMs);
  }
}

/**
 * Makes an event read-only, as it is in 4D. Events of messages stay as they are, because freezing takes 0.3 µs,
 * a third of the time of a short echo.
 */
function freezeEvent(event: QueuedEvent): void {
  if (event.type === 'error') Object.freeze(event.errors);
  Object.freeze(event);
}

/** Tells whether a queue that is muted drops the event. */
function isMutable({ type }: QueuedEvent): boolean {
  return type === 'message' || type === 'drain';
}
