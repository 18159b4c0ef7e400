import type { SendStatus } from '../connection/send-status.ts';
import type { SendOptions } from '../session/data-type.ts';
import type { SendableMessage } from '../session/message-types.ts';
import type { ErrorEvent, TerminateEvent } from '../session/events.ts';
import { checkEventType, type EventsByType } from './event-types.ts';
import { checkAmount, invalidArgument } from './arguments.ts';
import type { RecordedEvent, Recording } from './recording.ts';

/** What a test sees of one end of a connection: the events that its handler got. */
export interface Received<T = unknown> {
  /** `event.data` of each message that reached the handler, in order. */
  readonly messages: readonly T[];
  /** All events that reached the handler, in order, whether it has a callback for them or not. */
  readonly events: readonly RecordedEvent[];
  /** Names of the callbacks of {@link events}, in order: `['onOpen', 'onMessage', 'onTerminate']`. */
  readonly callbacks: readonly string[];
  /** The events of onError: one at most for each life of a connection. */
  readonly errors: readonly ErrorEvent[];
  /** The event of onTerminate; undefined while it has not run, and again when a client has come back from its end. */
  readonly ending: TerminateEvent | undefined;
  /**
   * Resolves to the next message that no earlier call has returned.
   *
   * @throws AssertionError (as a rejection) when it does not come within `waitMs` of real time (2 000 by default), or the
   *   connection has ended; the message says what did arrive
   */
  nextMessage(): Promise<T>;
  /** Resolves to the next messages, as many as `count` says. Otherwise as {@link nextMessage}. */
  nextMessages(count: number): Promise<T[]>;
  /**
   * Resolves to the event of onTerminate, when it begins.
   *
   * @throws AssertionError (as a rejection) as {@link nextMessage}
   */
  ended(): Promise<TerminateEvent>;
  /**
   * Resolves to the next event of this type, such as `'reconnect'` or `'error'`, that no earlier call has returned.
   *
   * @throws FourDError (as a rejection) `ERR_INVALID_ARGUMENT` when no events have such a type
   * @throws AssertionError (as a rejection) when it does not come within `waitMs`, also after the end: a client may come back
   */
  nextEvent<Type extends keyof EventsByType>(type: Type): Promise<EventsByType[Type]>;
  /** Returns the events of this type so far, in order. @throws FourDError `ERR_INVALID_ARGUMENT` */
  eventsOf<Type extends keyof EventsByType>(type: Type): EventsByType[Type][];
}

/** One end of a connection, which a test uses and observes. */
export interface TestEnd<T, Ws> extends Received<T> {
  /** The object of the library: a `WebSocket`, or a `WebSocketConnection`. */
  readonly ws: Ws;
  /** Sends a message, as `ws.send` does. */
  send(message: SendableMessage, options?: SendOptions): SendStatus;
  /** Begins the closing handshake, as `ws.terminate` does, and resolves when onTerminate of this end has begun. */
  close(code?: number, reason?: string): Promise<TerminateEvent>;
}

/** What both ends have, so that one class serves for them. */
interface Socket {
  send(message: SendableMessage, options?: SendOptions): SendStatus;
  terminate(code?: number, reason?: string): void;
}

/** Implements {@link Received} over a recording. */
export class ReceivedEvents<T> implements Received<T> {
  protected readonly recording: Recording<T>;

  constructor(recording: Recording<T>) {
    this.recording = recording;
  }

  get messages(): readonly T[] {
    return this.recording.messages;
  }

  get events(): readonly RecordedEvent[] {
    return this.recording.events;
  }

  get callbacks(): readonly string[] {
    return this.recording.callbacks;
  }

  get errors(): readonly ErrorEvent[] {
    return this.recording.errors;
  }

  get ending(): TerminateEvent | undefined {
    return this.recording.ending;
  }

  async nextMessage(): Promise<T> {
    const [message] = await this.recording.nextMessages(1);
    return message as T;
  }

  async nextMessages(count: number): Promise<T[]> {
    const length = checkAmount('nextMessages', count, 1);
    if (length === Infinity) throw invalidArgument('nextMessages', 'it takes a number of messages');
    return this.recording.nextMessages(length);
  }

  ended(): Promise<TerminateEvent> {
    return this.recording.ended();
  }

  /** Names the other end, so that an error can tell what has failed there. */
  joinPeer(find: () => ReceivedEvents<unknown> | undefined): void {
    this.recording.findPeer = () => find()?.recording;
  }

  /** Resolves when the callbacks of all events so far are over. */
  finished(): Promise<void> {
    const { length } = this.events;
    return this.recording.until(
      () => 'the end of its callbacks',
      () => this.recording.finishedCount >= length,
    );
  }

  /** Resolves when the callbacks of so many messages are over, or the connection has ended. */
  handled(messageCount: number): Promise<void> {
    const isHandled = (): boolean => {
      if (this.ending !== undefined) return true;
      const { messages, events, finishedCount } = this.recording;
      if (messages.length < messageCount) return false;
      const before = events.slice(0, finishedCount).filter(({ type }) => type === 'message');
      return before.length >= messageCount;
    };
    return this.recording.until(() => `the end of onMessage for message ${messageCount}`, isHandled);
  }

  async nextEvent<Type extends keyof EventsByType>(type: Type): Promise<EventsByType[Type]> {
    return (await this.recording.nextEvent(checkEventType('nextEvent', type))) as EventsByType[Type];
  }

  eventsOf<Type extends keyof EventsByType>(type: Type): EventsByType[Type][] {
    return this.recording.eventsOf(checkEventType('eventsOf', type)) as EventsByType[Type][];
  }
}

/** Implements {@link TestEnd}. */
export class TestSocket<T, Ws extends Socket> extends ReceivedEvents<T> implements TestEnd<T, Ws> {
  readonly ws: Ws;

  constructor(ws: Ws, recording: Recording<T>) {
    super(recording);
    this.ws = ws;
  }

  send(message: SendableMessage, options?: SendOptions): SendStatus {
    return this.ws.send(message, options);
  }

  close(code?: number, reason?: string): Promise<TerminateEvent> {
    this.ws.terminate(code, reason);
    return this.ended();
  }
}
