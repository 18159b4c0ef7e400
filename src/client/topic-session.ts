import { setImmediate } from '../base/clock.ts';
import type { Ending } from '../connection/closing-state.ts';
import type { Leftovers } from '../connection/handover.ts';
import type { BacklogMessage } from '../connection/send-backlog.ts';
import type { SendStatus } from '../connection/send-status.ts';
import { type EndCause, FourDError } from '../errors.ts';
import type { SendOptions } from '../session/data-type.ts';
import type { OpenEvent, TerminateEvent } from '../session/events.ts';
import type { SendableMessage } from '../session/message-types.ts';
import type { SessionConnection } from '../session/session-connection.ts';
import type { SessionSettings } from '../session/session-settings.ts';
import type { CallScope } from '../workers/call-scope.ts';
import { ClientSession, type ClientSessionOwner } from './client-session.ts';
import { isFramed, isUserMessage, toFramed, toUnframed } from './topic-framing.ts';
import { OWN_CAUSES } from './reconnect-policy.ts';
import type { Reconnector } from './reconnector.ts';

/** The topics of a client, as its session sees them. */
export interface SessionTopics {
  /** Whether the connection is open, and the server has chosen the subprotocol of topics. */
  readonly isOn: boolean;
  readonly isFull: boolean;
  readonly isAwaiting: boolean;
  attach(session: TopicSession): void;
  open(protocol: string): void;
  receive(text: string): void;
  lose(): void;
  mute(): void;
  end(): void;
}

/** The {@link ClientSession} of a client with topics: text messages are frames. */
export class TopicSession extends ClientSession {
  readonly #topics: SessionTopics;
  #protocol = '';
  #isQueueFull = false;

  constructor(
    topics: SessionTopics,
    owner: ClientSessionOwner,
    handler: object,
    settings: SessionSettings,
    reconnector: Reconnector | undefined,
    isLater = false,
  ) {
    super(owner, handler, settings, reconnector, isLater);
    this.#topics = topics;
    topics.attach(this);
  }

  get scope(): CallScope {
    return this.settings.scope;
  }

  /** Whether the connection has no heartbeat that would find a dead server. */
  get needsAlive(): boolean {
    return this.settings.limits.pingIntervalMs === Infinity;
  }

  /** Sends a frame. It must not be lost on a connection that goes on, whatever `bufferPolicy` says. */
  sendFrame(text: string): void {
    if (this.connection?.send(text) !== 'dropped' || this.status !== 'Connected') return;
    const message = 'the server reads too slowly: a frame of topics was dropped (maxBufferedBytes)';
    this.failConnection(new FourDError('ERR_BUFFER_FULL', message, { componentSignature: 'HTCL', side: 'remote' }));
  }

  failConnection(error: FourDError): void {
    this.connection?.fail(error);
  }

  /** Delivers a message that was sent by `ws.send` of the server, in the form that it would have without topics. */
  deliverFramed(data: unknown): void {
    let value = data;
    if (this.dataType !== 'object') {
      const text = typeof data === 'string' ? data : JSON.stringify(data);
      value = this.dataType === 'blob' ? Buffer.from(text) : text;
    }
    this.queue.push({ type: 'message', data: value, isBinary: false });
  }

  /** Connects again now, unless an attempt is under way. */
  move(): void {
    if (this.connection !== undefined || this.isWaiting) this.reconnectNow();
  }

  /** Stops reading, or reads on. Whoever calls may be a callback, in which no other one may run: reading waits for a turn. */
  onFlow(): void {
    if (this.#isHeldBack) this.connection?.pause();
    else setImmediate(() => this.#readOn());
  }

  /** A callback that waits for the answer to a call would wait for ever if that were not read. */
  get #isHeldBack(): boolean {
    return (this.#isQueueFull || this.#topics.isFull) && !this.#topics.isAwaiting;
  }

  #readOn(): void {
    if (!this.#isHeldBack) this.connection?.resume();
  }

  protected override createNext(...args: ConstructorParameters<typeof ClientSession>): ClientSession {
    return new TopicSession(this.#topics, ...args);
  }

  override open(connection: SessionConnection, protocol: string): void {
    this.#protocol = protocol;
    super.open(connection, protocol);
  }

  protected override announceOpen(event: OpenEvent): void {
    const { connection } = this;
    this.#isQueueFull = false;
    this.#topics.open(this.#protocol);
    super.announceOpen(event);
    // onOpen may wait for an answer. Messages of the application wait for onOpen in the queue.
    if (this.#topics.isOn && this.connection === connection) this.#readOn();
  }

  override onMessage(data: string | Buffer, isText: boolean): void {
    if (isText && this.#topics.isOn) {
      this.noteReceived(data, isText);
      this.#topics.receive(data.toString());
    } else super.onMessage(data, isText);
  }

  override onQueueFull(): void {
    this.#isQueueFull = true;
    this.onFlow();
  }

  override onQueueIdle(): void {
    this.#isQueueFull = false;
    this.#readOn();
  }

  override send(message: SendableMessage, options?: SendOptions): SendStatus {
    // With options a text takes the way on which toCheckedWire makes a frame of it.
    return super.send(message, options ?? {});
  }

  protected override toCheckedWire(message: SendableMessage): string | Buffer {
    const wire = super.toCheckedWire(message);
    const isPlain = typeof wire !== 'string' || (this.status === 'Connected' && !this.#topics.isOn);
    return isPlain ? wire : toFramed(message, wire);
  }

  protected override toOutgoing(data: BacklogMessage['data']): BacklogMessage['data'] {
    if (!this.#topics.isOn) return toUnframed(data);
    return typeof data !== 'string' || isFramed(data) ? data : toFramed(data, data);
  }

  override close(code: number, reason: string, timeoutMs?: number, cause?: EndCause): void {
    super.close(code, reason, timeoutMs, cause);
    if (!this.hasEnded) this.#topics.mute();
  }

  override destroy(cause?: EndCause): void {
    super.destroy(cause);
    if (!this.hasEnded) this.#topics.mute();
  }

  override cancel(ending: Pick<Ending, 'cause' | 'phase'>): void {
    this.#topics.mute();
    this.#topics.end();
    super.cancel(ending);
  }

  override onTerminated(ending: Ending, leftovers?: Leftovers): void {
    // Topics send again by themselves what was not answered.
    const unsent = leftovers && (this.#topics.isOn ? leftovers.unsent.filter(isUserMessage) : leftovers.unsent);
    this.#topics.lose();
    super.onTerminated(ending, leftovers && unsent && { ...leftovers, unsent });
  }

  protected override noteEnded(ending: Ending): void {
    if (OWN_CAUSES.has(ending.cause)) this.#topics.mute();
    this.#topics.end();
    super.noteEnded(ending);
  }

  protected override toTerminateEvent(ending: Ending): TerminateEvent {
    const event = super.toTerminateEvent(ending);
    const unsentMessages = event.unsentMessages?.map((data) => toUnframed(data));
    return unsentMessages === undefined ? event : { ...event, unsentMessages };
  }
}
