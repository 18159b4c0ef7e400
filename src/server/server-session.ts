import type { Ending } from '../connection/closing-state.ts';
import type { SendStatus } from '../connection/send-status.ts';
import { FourDError } from '../errors.ts';
import { CLOSE_UNAUTHORIZED } from '../protocol/constants.ts';
import { type Expirable, Expiry } from './expiry.ts';
import type { SendOptions } from '../session/data-type.ts';
import type { OpenEvent } from '../session/events.ts';
import type { SendableMessage } from '../session/message-types.ts';
import type { SessionSettings } from '../session/session-settings.ts';
import { Session } from '../session/session.ts';
import type { CallScope } from '../workers/call-scope.ts';
import { readMoment } from './moment.ts';
import type { Identity, SessionTopics, TopicOpener, TopicPeer } from './topic-seam.ts';

/** Options of `send` that say nothing, and keep a message from being sent before it is framed. */
const NO_OPTIONS: SendOptions = {};

/** The server of a session, which the session tells about its end. */
export interface SessionServer {
  /** Undefined without the option `topics`. */
  readonly topics?: TopicOpener | undefined;
  /** Called when the connection is over: its socket is gone. Callbacks may still run, or wait for their turn. */
  onSessionEnded(session: ServerSession): void;
  /** Calls `deliver`, which runs onTerminate, when it is this session's turn. */
  deliverEnd(session: ServerSession, deliver: () => void): void;
  /** Called when onTerminate is about to run. */
  onSessionClosed(session: ServerSession): void;
  /** Called when onTerminate has run. */
  onSessionFinished(): void;
}

/** One connection of a server: a {@link Session} with its server and its time of expiry. */
export class ServerSession extends Session implements Expirable, TopicPeer {
  get component(): 'HTTP' {
    return 'HTTP';
  }

  /** The connection object that users see. Set before the session opens. */
  subject!: object;
  /** The network that the connection counts for: `ConnectionCounts.networkOf`. */
  readonly network: string;
  readonly #server: SessionServer;
  #expiry: Expiry | undefined;
  /** Undefined for a connection that has to do with no topic. */
  topics: SessionTopics | undefined;
  identity: Identity | undefined;
  /** Whether the callbacks leave room to read. */
  #isReadingDue = false;

  constructor(server: SessionServer, handler: object, settings: SessionSettings, network: string) {
    super(handler, settings);
    this.#server = server;
    this.network = network;
  }

  /** When the session expires, in milliseconds since 1970; undefined for never. */
  get expiresAt(): number | undefined {
    return this.#expiry?.at;
  }

  setExpiry(moment: unknown): void {
    const at = readMoment(moment);
    if (at !== undefined && !Number.isFinite(at)) {
      this.generateMisuse(
        'ERR_INVALID_EXPIRY',
        'invalid expiresAt: it must be a valid Date, a number of milliseconds since 1970, or undefined',
      );
      return;
    }
    if (this.status !== 'Connected') return;
    this.#expiry?.cancel();
    this.#expiry = at === undefined ? undefined : new Expiry(this, at as number);
  }

  expire(): void {
    if (this.status !== 'Connected') return;
    this.close(CLOSE_UNAUTHORIZED, 'session expired', this.settings.limits.closeTimeoutMs, 'expired');
  }

  /**
   * Closes the connection, because the server drains: as soon as its subscriptions are up to date.
   *
   * @param isLate - closes it at once
   */
  drain(code: number, isLate: boolean): void {
    if (isLate || this.topics === undefined) this.#leave(code);
    else this.topics.catchUp(() => this.#leave(code));
  }

  #leave(code: number): void {
    this.topics?.onDraining();
    this.close(code, '', Infinity, 'drain');
  }

  // Topics

  /**
   * The topics of this connection, also when it does not speak their protocol.
   *
   * @throws FourDError `ERR_TOPICS_OFF`
   */
  get ownTopics(): SessionTopics {
    this.topics ??= this.#server.topics?.openBare(this);
    if (this.topics !== undefined) return this.topics;
    throw new FourDError('ERR_TOPICS_OFF', 'topics are off: the server needs the option topics', {
      componentSignature: 'HTTP',
    });
  }

  /** Public id of the session; undefined without the option `topics`. */
  get sessionId(): string | undefined {
    return this.#server.topics === undefined ? undefined : this.ownTopics.session;
  }

  override send(message: SendableMessage, options?: SendOptions): SendStatus {
    return super.send(message, this.topics === undefined ? options : (options ?? NO_OPTIONS));
  }

  protected override toCheckedWire(message: SendableMessage): string | Buffer {
    const wire = super.toCheckedWire(message);
    return this.topics?.isFramed === true ? this.topics.toFrame(message, wire) : wire;
  }

  override onMessage(data: string | Buffer, isText: boolean): void {
    if (this.topics === undefined || !isText || !this.topics.isFramed) {
      super.onMessage(data, isText);
      return;
    }
    this.noteReceived(data, isText);
    this.topics.onText(data.toString());
  }

  protected override announceOpen(event: OpenEvent): void {
    this.topics?.onOpen();
    super.announceOpen(event);
  }

  override onQueueFull(): void {
    this.#isReadingDue = false;
    super.onQueueFull();
  }

  override onQueueIdle(): void {
    this.#isReadingDue = true;
    if (this.topics?.isFull !== true) super.onQueueIdle();
  }

  // TopicPeer

  get scope(): CallScope {
    return this.settings.scope;
  }

  sendText(text: string): SendStatus {
    return this.status === 'Connected' ? this.sendWire(text, undefined) : 'dropped';
  }

  deliver(data: unknown): void {
    this.queue.push({ type: 'message', data, isBinary: false });
  }

  pauseReading(): void {
    this.connection?.pause();
  }

  resumeReading(): void {
    if (this.#isReadingDue) this.connection?.resume();
  }

  override onTerminated(ending: Ending): void {
    this.#expiry?.cancel();
    this.topics?.onEnded();
    this.#server.onSessionEnded(this);
    super.onTerminated(ending);
  }

  protected override deliverEnd(deliver: () => void): void {
    this.#server.deliverEnd(this, deliver);
  }

  protected override onClosed(): void {
    this.#server.onSessionClosed(this);
  }

  protected override onFinished(): void {
    this.#server.onSessionFinished();
  }
}
