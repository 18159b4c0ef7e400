import { isThenable, type Worker } from '../workers/worker.ts';
import { Queue } from '../base/queue.ts';
import type {
  DrainEvent,
  ErrorEvent,
  MessageEvent,
  OpenEvent,
  ReconnectEvent,
  ServerTerminateEvent,
  TerminateEvent,
} from './events.ts';
import { callHandler } from './call-handler.ts';

/** An event that a queue delivers. */
export type QueuedEvent =
  | OpenEvent
  | MessageEvent<unknown>
  | DrainEvent
  | ReconnectEvent
  | ErrorEvent
  | TerminateEvent
  | ServerTerminateEvent;

/** The socket or server whose callbacks a queue runs. */
export interface CallbackOwner {
  /** First parameter of each callback. */
  readonly subject: object;
  /** Has the callbacks. */
  readonly handler: object;
  /** Events that may wait behind a callback before {@link onQueueFull}. */
  readonly maxWaitingEvents: number;
  /** A callback other than onMessage is about to run. */
  onBeforeCallback(event: QueuedEvent): void;
  /** A callback other than onMessage is over, or was missing. */
  onAfterCallback(event: QueuedEvent): void;
  /** A callback threw or rejected. */
  onCallbackFailed(event: QueuedEvent, thrown: unknown): void;
  /** As many events wait as may. */
  onQueueFull(): void;
  /** No event waits any more, after {@link onQueueFull} or {@link CallbackQueue.notifyWhenIdle}. */
  onQueueIdle(): void;
}

/** Name of the callback for each event. */
export const CALLBACK_NAMES = {
  open: 'onOpen',
  message: 'onMessage',
  error: 'onError',
  drain: 'onDrain',
  reconnect: 'onReconnect',
  terminate: 'onTerminate',
} as const;

/**
 * Runs the callbacks of one socket or server in the order of their events and never two at a time, in the process that
 * owns it.
 *
 * @remarks In the main process an event that finds the queue idle is delivered within {@link push}, without a detour.
 */
export class CallbackQueue {
  readonly #owner: CallbackOwner;
  readonly #worker: Worker;
  /** Made when the first event has to wait: with synchronous callbacks none ever does. */
  #waiting: Queue<QueuedEvent> | undefined;
  #isBusy = false;
  #isFull = false;
  #isMuted = false;

  constructor(owner: CallbackOwner, worker: Worker) {
    this.#owner = owner;
    this.#worker = worker;
  }

  /** Delivers an event, now or when those before it are over. */
  push(event: QueuedEvent): void {
    if (this.#isBusy) {
      this.#waiting ??= new Queue();
      this.#waiting.push(event);
      if (this.#waiting.length >= this.#owner.maxWaitingEvents && !this.#isFull) {
        this.#isFull = true;
        this.#owner.onQueueFull();
      }
      return;
    }
    this.#isBusy = true;
    if (this.#worker.isMain ? this.#runHere(event) : this.#runInWorker(event)) this.#next();
  }

  /**
   * Delivers an event within the message that the process is running, instead of behind it.
   *
   * @remarks Only for the first event of a queue: onOpen of a client belongs to the call that creates it, and would
   * otherwise wait for the very message that waits for the connection. For the same reason it goes in front of messages
   * that wait.
   */
  pushFirst(event: QueuedEvent): void {
    this.#isBusy = true;
    const isHere = this.#worker.isMain || this.#worker.isBusy;
    if (isHere ? this.#runHere(event) : this.#runInWorker(event, true)) this.#next();
  }

  /** Delivers an event in front of those that wait. Only while a callback runs or is just over. */
  pushNext(event: QueuedEvent): void {
    this.#waiting ??= new Queue();
    this.#waiting.unshift(event);
  }

  /** Asks for {@link CallbackOwner.onQueueIdle} when no event waits any more. Only while a callback runs or is just over. */
  notifyWhenIdle(): void {
    this.#isFull = true;
  }

  /** Delivers no message and no drain any more, not even those that wait. */
  mute(): void {
    this.#isMuted = true;
  }

  /** Goes on with what waits. A loop, so that a thousand events do not need a thousand frames of stack. */
  #next(): void {
    for (let event = this.#waiting?.shift(); event !== undefined; event = this.#waiting?.shift()) {
      if (!(this.#worker.isMain ? this.#runHere(event) : this.#runInWorker(event))) return;
    }
    this.#isBusy = false;
    if (!this.#isFull) return;
    this.#isFull = false;
    this.#owner.onQueueIdle();
  }

  /** Returns whether the callback is over; if not, {@link #next} follows later. */
  #runHere(event: QueuedEvent): boolean {
    // The main process without workers: no closure, no change of context.
    const result = this.#worker.isCurrent ? this.#call(event) : this.#worker.enter(() => this.#call(event));
    if (!isThenable(result)) return true;
    result.then(() => this.#next());
    return false;
  }

  #runInWorker(event: QueuedEvent, isFirst = false): boolean {
    let isOver = false;
    let isLater = false;
    const run = (): unknown => this.#call(event);
    const done = (): void => {
      isOver = true;
      if (isLater) this.#next();
    };
    if (isFirst) this.#worker.runTaskFirst(run, done);
    else this.#worker.runTask(run, done);
    isLater = true;
    return isOver;
  }

  /** Calls the handler. What it returns, if anything, is a promise that never rejects. */
  #call(event: QueuedEvent): PromiseLike<void> | undefined {
    const isMessage = event.type === 'message';
    if (this.#isMuted && (isMessage || event.type === 'drain')) return undefined;
    if (!isMessage) this.#owner.onBeforeCallback(event);
    try {
      const result = callHandler(this.#owner.handler, CALLBACK_NAMES[event.type], this.#owner.subject, event);
      if (isThenable(result)) {
        return Promise.resolve(result).then(
          () => this.#finish(event),
          (thrown: unknown) => this.#fail(event, thrown),
        );
      }
    } catch (thrown) {
      this.#fail(event, thrown);
      return undefined;
    }
    this.#finish(event);
    return undefined;
  }

  #finish(event: QueuedEvent): void {
    if (event.type !== 'message') this.#owner.onAfterCallback(event);
  }

  #fail(event: QueuedEvent, thrown: unknown): void {
    this.#owner.onCallbackFailed(event, thrown);
    this.#finish(event);
  }
}
