import type {
  DisconnectEvent,
  DrainEvent,
  ErrorEvent,
  MessageEvent,
  OpenEvent,
  ReconnectEvent,
} from '../session/events.ts';
import type { BrowserTerminateEvent } from './browser-types.ts';

/** An event that is delivered to the handler. */
export type QueuedEvent =
  | OpenEvent
  | MessageEvent<unknown>
  | DrainEvent
  | DisconnectEvent
  | ReconnectEvent
  | ErrorEvent
  | BrowserTerminateEvent;

/** What a queue tells its client. */
export interface CallbackOwner {
  /** Calls the callback of an event. */
  readonly call: (name: string, event: QueuedEvent) => unknown;
  /** A callback threw or rejected. */
  readonly onFailed: (type: QueuedEvent['type'], name: string, thrown: unknown) => void;
  /** A callback is over, or the handler has none for this event. */
  readonly onOver: (type: QueuedEvent['type']) => void;
}

/** The callbacks of one client: in the order of their events, never two at a time. */
export interface CallbackQueue {
  /** Whether a callback runs. */
  isBusy: boolean;
  /** Size of the messages that wait for a callback before them. */
  waitingBytes: number;
  /** Delivers an event: within this call when no callback runs, else after the events before it. */
  push(event: QueuedEvent, bytes?: number): void;
  /** Drops the messages and drain events that wait: the callback before them may never be over. */
  dropMessages(): void;
}

export function createCallbackQueue({ call, onFailed, onOver }: CallbackOwner): CallbackQueue {
  /** The events that wait, each with its size. */
  const waiting = new Map<QueuedEvent, number>();
  const run = async (): Promise<void> => {
    queue.isBusy = true;
    // Events that are added meanwhile are met too.
    for (const [event, bytes] of waiting) {
      const { type } = event;
      waiting.delete(event);
      queue.waitingBytes -= bytes;
      if (type === 'terminate' && waiting.size > 0) {
        // A callback has failed meanwhile: onTerminate is the last.
        waiting.set(event, 0);
        continue;
      }
      if (type !== 'message') Object.freeze(event);
      // onOpen for "open".
      const name = `on${type.replace(/^./, (letter) => letter.toUpperCase())}`;
      try {
        const result = call(name, event) as PromiseLike<unknown> | undefined;
        // Awaiting anything else would make the events behind it wait for another turn.
        if (result?.then) await result;
      } catch (thrown) {
        onFailed(type, name, thrown);
      }
      onOver(type);
    }
    queue.isBusy = false;
  };
  const queue: CallbackQueue = {
    isBusy: false,
    waitingBytes: 0,
    push(event, bytes = 0) {
      waiting.set(event, bytes);
      queue.waitingBytes += bytes;
      if (!queue.isBusy) void run();
    },
    dropMessages() {
      for (const event of waiting.keys()) if (/message|drain/.test(event.type)) waiting.delete(event);
      queue.waitingBytes = 0;
    },
  };
  return queue;
}
