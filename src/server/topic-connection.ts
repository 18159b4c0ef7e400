import { type Deadline, timers } from '../base/timers.ts';
import { callbackFailed, FourDError } from '../errors.ts';
import { CLOSE_TRY_AGAIN_LATER } from '../protocol/constants.ts';
import type { PreparedMessage } from '../protocol/prepared-message.ts';
import { callHandler } from '../session/call-handler.ts';
import type { SendOptions } from '../session/data-type.ts';
import type { FeedEntry, MembersNews } from '../topics/feed.ts';
import {
  ALIVE_FRAME,
  applicationFrame,
  bareMessage,
  hiFrame,
  membersFrame,
  messageFrame,
  moveFrame,
  unsubbedFrame,
} from '../topics/topic-frames.ts';
import type { Subscription } from '../topics/topic-handler.ts';
import { reportError } from '../workers/error-handling.ts';
import { ClientFrames } from './client-frames.ts';
import type { FrameOwner } from './frame-owner.ts';
import {
  type Beginning,
  ConnectionSubscription,
  type SubscribedConnection,
  type SubscriptionPlan,
} from './connection-subscription.ts';
import { checkConnectionOptions, checkTopic } from './topic-arguments.ts';
import { callUser } from './topic-call.ts';
import type { ServerSubscribeOptions, UnsubscribeCause, UnsubscribeEvent } from './topic-events.ts';
import type { TopicHost } from './topic-host.ts';
import type { SessionTopics, TopicPeer } from './topic-seam.ts';
import { sessionIdOf } from './topic-sessions.ts';
import { type GateOwner, UserGate } from './user-gate.ts';

/** A subscription is pushed to while fewer bytes than this wait on its connection. */
const MAX_UNSENT_BYTES = 65_536;
/** How often a connection that is to be closed is looked at, until its subscriptions are up to date. */
const CATCH_UP_MS = 50;
/** Clients of a server that drains come back within this time. */
const MAX_MOVE_MS = 1000;

const SEND_OPTIONS: SendOptions = {};

/** The topics of one connection: its session, its subscriptions, and what they send. */
export class TopicConnection implements SessionTopics, SubscribedConnection, FrameOwner, GateOwner, Deadline {
  readonly isFramed: boolean;
  readonly host: TopicHost;
  readonly peer: TopicPeer;
  readonly #secret: string;
  #session: string | undefined;
  readonly #subscriptions = new Map<string, ConnectionSubscription>();
  /** Made for the first frame of the client. */
  #frames: ClientFrames | undefined;
  /** Called when {@link isReady} is true again; undefined while nobody waits. */
  #readyListeners: (() => void)[] | undefined;
  /** Whether a frame was sent since the last look. */
  #hasSent = false;
  #ticket: number | undefined;
  hasEnded = false;
  /** Undefined for a connection without a user. */
  #gate: UserGate | undefined;
  /** Resolved when the gate is open, or the connection is over. */
  #opened: Promise<void> | undefined;
  #onOpened: (() => void) | undefined;

  /**
   * @param secret - of the session: see `topic-sessions.ts`
   * @param isFramed - whether the connection speaks `4d-topics.1`
   */
  constructor(host: TopicHost, peer: TopicPeer, secret: string, isFramed: boolean) {
    this.host = host;
    this.peer = peer;
    this.#secret = secret;
    this.isFramed = isFramed;
  }

  get session(): string {
    this.#session ??= sessionIdOf(this.#secret, this.user);
    return this.#session;
  }

  get user(): string | undefined {
    return this.peer.identity?.user;
  }

  get subscriptions(): readonly Subscription[] {
    return Object.freeze([...this.#subscriptions.values()]);
  }

  // SessionTopics

  onOpen(): void {
    const { user, authenticatedAt } = this.peer.identity ?? {};
    if (user !== undefined) {
      this.#gate = new UserGate(this.host.port, this, user, authenticatedAt);
      this.#opened = new Promise((resolve) => {
        this.#onOpened = resolve;
      });
      this.#gate.start();
    }
    if (!this.isFramed) return;
    const { topics, payloadBytes, publishesPerSecond } = this.host.settings.limits;
    this.send(hiFrame(this.#secret, this.host.aliveMs, { topics, payloadBytes, publishesPerSecond }));
    this.#waitForSilence();
  }

  onText(text: string): void {
    this.#frames ??= new ClientFrames(this);
    this.#frames.onText(text);
  }

  catchUp(callback: () => void): void {
    const isDone = this.hasEnded || [...this.#subscriptions.values()].every(({ isUpToDate }) => isUpToDate);
    if (isDone) callback();
    else timers.schedule({ onDeadline: () => this.catchUp(callback) }, CATCH_UP_MS);
  }

  onDraining(): void {
    this.send(moveFrame(Math.floor(Math.random() * (MAX_MOVE_MS + 1))));
  }

  toFrame(message: unknown, wire: string | Buffer): string | Buffer {
    if (typeof wire !== 'string') return wire;
    return applicationFrame(typeof message === 'string' ? JSON.stringify(wire) : wire);
  }

  onEnded(): void {
    this.hasEnded = true;
    this.#gate?.stop();
    this.#onOpened?.();
    if (this.#ticket !== undefined) timers.cancel(this, this.#ticket);
    this.#frames?.end();
    const subscriptions = [...this.#subscriptions.values()];
    this.#subscriptions.clear();
    for (const subscription of subscriptions) {
      subscription.stop();
      this.#tellEnd(subscription.topic, 'ended');
    }
  }

  get isFull(): boolean {
    return this.#gate?.isOpen === false || this.#frames?.isFull === true;
  }

  // GateOwner

  onGateOpen(): void {
    this.#onOpened?.();
    this.peer.resumeReading();
  }

  onUserEnded(code: number, reason: string): void {
    for (const subscription of this.#subscriptions.values()) subscription.stop(true);
    this.#closeGate(code, reason);
  }

  onGateFailed(): void {
    this.#closeGate(CLOSE_TRY_AGAIN_LATER, 'the topics of the server are away');
  }

  /** The client does not come through the gate. Its close frame is read. */
  #closeGate(code: number, reason: string): void {
    this.#gate?.stop();
    this.#gate = undefined;
    this.peer.close(code, reason);
    this.#onOpened?.();
    this.peer.resumeReading();
  }

  onUserMessage(entry: FeedEntry): void {
    // A client that speaks the protocol subscribes; another one gets what it can take now.
    if (!this.isFramed && this.isReady) this.sendEntry(entry, 'live');
  }

  // The server's program

  /**
   * Subscribes the connection without asking its handler.
   *
   * @returns resolves when the subscription has begun
   * @throws FourDError (as a rejection) `ERR_INVALID_TOPIC`, `ERR_INVALID_OPTION`, `ERR_NOT_CONNECTED`,
   *   `ERR_BROKER_DOWN` or `ERR_TOPIC_REFUSED`
   */
  async subscribe(topic: string, options: ServerSubscribeOptions): Promise<Subscription> {
    checkTopic(topic);
    const { since, presence } = checkConnectionOptions(options);
    await this.#opened;
    if (this.peer.status !== 'Connected') {
      const message = `cannot subscribe while the status is "${this.peer.status}"`;
      throw new FourDError('ERR_NOT_CONNECTED', message, { componentSignature: 'HTTP' });
    }
    return new Promise((resolve, reject) => {
      const isAsked = this.#subscriptions.get(topic)?.isAsked === true;
      this.begin({ topic, since, grant: undefined, presence, isAsked }, { onBegun: resolve, onFailed: reject });
    });
  }

  unsubscribe(topic: string): void {
    this.#subscriptions.get(topic)?.unsubscribe();
  }

  // FrameOwner

  get subscriptionCount(): number {
    return this.#subscriptions.size;
  }

  find(topic: string): ConnectionSubscription | undefined {
    return this.#subscriptions.get(topic);
  }

  begin(plan: SubscriptionPlan, beginning?: Beginning): void {
    // The client begins anew at another place.
    this.#subscriptions.get(plan.topic)?.stop();
    const subscription = new ConnectionSubscription(this, plan);
    this.#subscriptions.set(plan.topic, subscription);
    subscription.start(beginning);
  }

  report(name: string, thrown: unknown): void {
    reportError(callbackFailed(name, thrown), this.host.scope.worker);
  }

  // SubscribedConnection

  get isReady(): boolean {
    return this.peer.bufferedBytes < MAX_UNSENT_BYTES;
  }

  onceReady(callback: () => void): void {
    if (this.#readyListeners !== undefined) {
      this.#readyListeners.push(callback);
      return;
    }
    this.#readyListeners = [callback];
    void this.#tellReady();
  }

  async #tellReady(): Promise<void> {
    await this.peer.drained();
    const listeners = this.#readyListeners ?? [];
    this.#readyListeners = undefined;
    for (const listener of listeners) listener();
  }

  send(frame: string): void {
    if (!this.isFramed) return;
    this.#hasSent = true;
    this.#noteStatus(this.peer.sendText(frame));
  }

  sendEntry(entry: FeedEntry, form: 'live' | 'replayed' | 'state'): void {
    const message: PreparedMessage = this.isFramed ? messageFrame(entry, form) : bareMessage(entry);
    this.#hasSent = true;
    this.#noteStatus(this.peer.sendPrepared(message, SEND_OPTIONS));
  }

  sendMembers(news: MembersNews): void {
    this.#hasSent = true;
    this.#noteStatus(this.peer.sendPrepared(membersFrame(news), SEND_OPTIONS));
  }

  closeSlow(): void {
    this.peer.close(CLOSE_TRY_AGAIN_LATER, 'too slow');
  }

  endSubscription(subscription: ConnectionSubscription, cause: UnsubscribeCause, code: string, message: string): void {
    const { topic } = subscription;
    // Who has lost the broker comes back.
    subscription.stop(cause !== 'failed');
    if (this.#subscriptions.get(topic) !== subscription) return;
    this.#subscriptions.delete(topic);
    if (cause !== 'client') this.send(unsubbedFrame(topic, code, message));
    this.#tellEnd(topic, cause);
  }

  // Deadline

  /** Half of the time is over: a frame that was sent in it counts, and in the other half as well. */
  onDeadline(): void {
    if (!this.#hasSent) this.send(ALIVE_FRAME);
    this.#hasSent = false;
    this.#waitForSilence();
  }

  #waitForSilence(): void {
    this.#ticket = timers.schedule(this, this.host.aliveMs / 2);
  }

  /** `bufferPolicy` has dropped a frame: the client must not go on as if there had been none. */
  #noteStatus(status: 'sent' | 'queued' | 'dropped'): void {
    if (status === 'dropped' && this.peer.status === 'Connected') this.closeSlow();
  }

  #tellEnd(topic: string, cause: UnsubscribeCause): void {
    const event: UnsubscribeEvent = Object.freeze({ type: 'unsubscribe', topic, cause });
    const { handler, subject } = this.peer;
    callUser(
      this.host.scope,
      () => callHandler(handler, 'onUnsubscribe', subject, event),
      (outcome) => {
        if ('thrown' in outcome) this.report('onUnsubscribe', outcome.thrown);
      },
    );
  }
}
