import { monotonicMs } from '../base/clock.ts';
import { type Deadline, timers } from '../base/timers.ts';
import { RateLimit } from '../connection/rate-limit.ts';
import { callbackFailed, FourDError, isFourDError } from '../errors.ts';
import { CLOSE_TRY_AGAIN_LATER } from '../protocol/constants.ts';
import { callHandler, hasCallback } from '../session/call-handler.ts';
import type { SendOptions } from '../session/data-type.ts';
import type { FeedEntry, Publication } from '../topics/feed.ts';
import {
  type CheckedFrame,
  type FrameCode,
  type FrameId,
  type FrameProblem,
  type PublishFrame,
  readClientFrame,
  type WantedTopic,
} from '../topics/frame-reader.ts';
import type { PreparedMessage } from '../protocol/prepared-message.ts';
import {
  ALIVE_FRAME,
  answerFrame,
  applicationFrame,
  bareMessage,
  hiFrame,
  historyFrame,
  messageFrame,
  moveFrame,
  problemFrame,
  publishedFrame,
  unsubbedFrame,
} from '../topics/topic-frames.ts';
import { parsePosition } from '../topics/position.ts';
import type { Since, Subscription } from '../topics/topic-handler.ts';
import { reportError } from '../workers/error-handling.ts';
import { ConnectionSubscription, type SubscribedConnection } from './connection-subscription.ts';
import { checkSince, checkTopic } from './topic-arguments.ts';
import { callUser } from './topic-call.ts';
import type {
  PublishEvent,
  RequestEvent,
  ServerSubscribeOptions,
  SubscribeEvent,
  UnsubscribeCause,
  UnsubscribeEvent,
} from './topic-events.ts';
import { Denial, Grant, readGrant } from './topic-grant.ts';
import type { TopicHost } from './topic-host.ts';
import { type LanesOwner, TopicLanes } from './topic-lanes.ts';
import { checkSize, toData, tooLong } from './topic-publishing.ts';
import type { SessionTopics, TopicPeer } from './topic-seam.ts';
import { sessionIdOf } from './topic-sessions.ts';

/** A subscription is pushed to while fewer bytes than this wait on its connection. */
const MAX_UNSENT_BYTES = 65_536;
/** Clients of a server that drains come back within this time. */
const MAX_MOVE_MS = 1000;
/** When a client may try again while the broker is away. */
const BROKER_RETRY_MS = 1000;

const SEND_OPTIONS: SendOptions = {};

/** In the place of a result: the handler has no such callback. */
const NO_CALLBACK: unique symbol = Symbol('no callback');

const PROBLEMS_OF_BROKER: Readonly<Partial<Record<string, Omit<FrameProblem, 'id' | 'topic'>>>> = {
  ERR_BROKER_DOWN: { code: 'broker-down', message: 'the broker is away', retryMs: BROKER_RETRY_MS },
  ERR_OUTBOX_FULL: { code: 'broker-down', message: 'the broker does not keep up', retryMs: BROKER_RETRY_MS },
  ERR_BROKER_FULL: { code: 'broker-full', message: 'the broker has no room' },
  ERR_BROKER_UNSUPPORTED: { code: 'unsupported', message: 'the broker cannot do this' },
};

/**
 * The topics of one connection: reads its frames, asks its handler, and sends what its subscriptions deliver.
 *
 * @remarks Nothing that a client sends ends its connection here, or reaches others before the handler has agreed.
 */
export class TopicConnection implements SessionTopics, SubscribedConnection, LanesOwner, Deadline {
  readonly isFramed: boolean;
  readonly host: TopicHost;
  readonly #peer: TopicPeer;
  readonly #secret: string;
  #session: string | undefined;
  readonly #subscriptions = new Map<string, ConnectionSubscription>();
  readonly #lanes = new TopicLanes(this);
  #subscribeRate: RateLimit | undefined;
  #publishRate: RateLimit | undefined;
  /** Called when {@link isReady} is true again; undefined while nobody waits. */
  #readyListeners: (() => void)[] | undefined;
  /** Whether a frame was sent since the last look. */
  #hasSent = false;
  #ticket: number | undefined;
  #hasEnded = false;

  /**
   * @param secret - of the session: see `topic-sessions.ts`
   * @param isFramed - whether the connection speaks `4d-topics.1`
   */
  constructor(host: TopicHost, peer: TopicPeer, secret: string, isFramed: boolean) {
    this.host = host;
    this.#peer = peer;
    this.#secret = secret;
    this.isFramed = isFramed;
  }

  get session(): string {
    this.#session ??= sessionIdOf(this.#secret, this.user);
    return this.#session;
  }

  get user(): string | undefined {
    return this.#peer.identity?.user;
  }

  get subscriptions(): readonly Subscription[] {
    return Object.freeze([...this.#subscriptions.values()]);
  }

  // SessionTopics

  onOpen(): void {
    if (!this.isFramed) return;
    const { topics, payloadBytes } = this.host.settings.limits;
    this.send(hiFrame(this.#secret, this.host.aliveMs, { topics, payloadBytes }));
    this.#waitForSilence();
  }

  onText(text: string): void {
    const frame = readClientFrame(text);
    if ('code' in frame) this.#refuse(frame);
    else this.#take(frame);
  }

  onDraining(): void {
    this.send(moveFrame(Math.floor(Math.random() * (MAX_MOVE_MS + 1))));
  }

  toFrame(message: unknown, wire: string | Buffer): string | Buffer {
    if (typeof wire !== 'string') return wire;
    return applicationFrame(typeof message === 'string' ? JSON.stringify(wire) : wire);
  }

  onEnded(): void {
    this.#hasEnded = true;
    if (this.#ticket !== undefined) timers.cancel(this, this.#ticket);
    this.#lanes.end();
    const subscriptions = [...this.#subscriptions.values()];
    this.#subscriptions.clear();
    for (const subscription of subscriptions) {
      subscription.stop();
      this.#tellEnd(subscription.topic, 'ended');
    }
  }

  get isFull(): boolean {
    return this.#lanes.isFull;
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
    const since = checkSince(options);
    if (this.#peer.status !== 'Connected') {
      const message = `cannot subscribe while the status is "${this.#peer.status}"`;
      throw new FourDError('ERR_NOT_CONNECTED', message, { componentSignature: 'HTTP' });
    }
    return new Promise((resolve, reject) => {
      this.#begin(topic, since, undefined, { onBegun: resolve, onFailed: reject });
    });
  }

  unsubscribe(topic: string): void {
    this.#subscriptions.get(topic)?.unsubscribe();
  }

  // SubscribedConnection

  get isReady(): boolean {
    return this.#peer.bufferedBytes < MAX_UNSENT_BYTES;
  }

  onceReady(callback: () => void): void {
    if (this.#readyListeners !== undefined) {
      this.#readyListeners.push(callback);
      return;
    }
    this.#readyListeners = [callback];
    void this.#peer.drained().then(() => {
      const listeners = this.#readyListeners ?? [];
      this.#readyListeners = undefined;
      for (const listener of listeners) listener();
    });
  }

  send(frame: string): void {
    if (!this.isFramed) return;
    this.#hasSent = true;
    this.#noteStatus(this.#peer.sendText(frame));
  }

  sendEntry(entry: FeedEntry, form: 'live' | 'replayed' | 'state'): void {
    const message: PreparedMessage = this.isFramed ? messageFrame(entry, form) : bareMessage(entry);
    this.#hasSent = true;
    this.#noteStatus(this.#peer.sendPrepared(message, SEND_OPTIONS));
  }

  closeSlow(): void {
    this.#peer.close(CLOSE_TRY_AGAIN_LATER, 'too slow');
  }

  endSubscription(subscription: ConnectionSubscription, cause: UnsubscribeCause, code: string, message: string): void {
    const { topic } = subscription;
    subscription.stop();
    if (this.#subscriptions.get(topic) !== subscription) return;
    this.#subscriptions.delete(topic);
    if (cause !== 'client') this.send(unsubbedFrame(topic, code, message));
    this.#tellEnd(topic, cause);
  }

  // LanesOwner

  onLanesFull(): void {
    this.#peer.pauseReading();
  }

  onLanesFree(): void {
    this.#peer.resumeReading();
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
    if (status === 'dropped' && this.#peer.status === 'Connected') this.closeSlow();
  }

  #refuse(problem: FrameProblem): void {
    this.send(problemFrame(problem));
  }

  // Frames

  #take(frame: CheckedFrame): void {
    switch (frame.t) {
      case 'ping':
        this.send(ALIVE_FRAME);
        break;
      case 'msg':
        this.#deliver(frame.data);
        break;
      case 'sub':
        for (const problem of frame.problems) this.#refuse(problem);
        for (const wanted of frame.topics) this.#takeSub(wanted, frame.presence, frame.id);
        break;
      case 'unsub':
        this.#lanes.add(frame.topic, (done) => {
          const subscription = this.#subscriptions.get(frame.topic);
          if (subscription !== undefined) this.endSubscription(subscription, 'client', '', '');
          done();
        });
        break;
      case 'pub':
        this.#takePub(frame);
        break;
      case 'req':
        this.#takeRequest(frame.id, frame.data);
        break;
      case 'hist':
        this.#lanes.add(frame.topic, (done) => void this.#readHistory(frame).then(done));
        break;
      case 'who':
        this.#refuse({ id: frame.id, topic: frame.topic, code: 'unsupported', message: 'members are not kept here' });
        break;
    }
  }

  #deliver(data: unknown): void {
    const { dataType } = this.#peer;
    if (dataType === 'object' || (dataType !== 'blob' && typeof data === 'string')) this.#peer.deliver(data);
    else {
      const form = dataType === 'blob' ? 'a binary message' : 'a text';
      this.#refuse({ code: 'data', message: `the data of msg must be ${form} (dataType "${dataType}")` });
    }
  }

  /**
   * Calls a callback of the handler.
   *
   * @param use - gets the result, or {@link NO_CALLBACK}; not called when the connection is over
   * @param fail - called when the callback has failed, which has been reported
   */
  #ask(name: string, event: object, use: (result: unknown) => void, fail: () => void, done: () => void): void {
    const { handler, subject } = this.#peer;
    const call = (): unknown => (hasCallback(handler, name) ? callHandler(handler, name, subject, event) : NO_CALLBACK);
    callUser(this.host.scope, call, (outcome) => {
      if ('thrown' in outcome) {
        this.#report(name, outcome.thrown);
        if (!this.#hasEnded) fail();
      } else if (!this.#hasEnded) use(outcome.value);
      done();
    });
  }

  /** No onError hears of what fails for one topic alone. */
  #report(name: string, thrown: unknown): void {
    reportError(callbackFailed(name, thrown), this.host.scope.worker);
  }

  #takeSub(wanted: WantedTopic, presence: SubscribeEvent['presence'], id: FrameId | undefined): void {
    const { topic, since } = wanted;
    const { subscribesPerSecond, subscribesAtOnce } = this.host.settings.limits;
    this.#subscribeRate ??= new RateLimit(subscribesPerSecond, monotonicMs(), subscribesAtOnce);
    const retryMs = this.#subscribeRate.takeOrWait(monotonicMs());
    if (retryMs > 0) {
      const message = `too many subscriptions: at most ${subscribesPerSecond} a second, and ${subscribesAtOnce} at once`;
      this.#refuse({ id, topic, code: 'rate', message, retryMs });
      return;
    }
    this.#lanes.add(topic, (done) => {
      if (!this.#hasRoomFor(topic)) {
        this.#refuse(this.#tooMany(topic, id));
        done();
        return;
      }
      const event: SubscribeEvent = Object.freeze({
        type: 'subscribe',
        topic,
        since,
        presence: Object.freeze(presence),
      });
      const fail = (): void => this.#refuse({ id, topic, code: 'failed', message: 'onSubscribe has failed' });
      this.#ask('onSubscribe', event, (answer) => this.#decide(wanted, id, answer), fail, done);
    });
  }

  #hasRoomFor(topic: string): boolean {
    return this.#subscriptions.size < this.host.settings.limits.topics || this.#subscriptions.has(topic);
  }

  #tooMany(topic: string, id: FrameId | undefined): FrameProblem {
    const { topics } = this.host.settings.limits;
    return { id, topic, code: 'limit', message: `too many topics on this connection: at most ${topics}` };
  }

  #decide({ topic, since }: WantedTopic, id: FrameId | undefined, answer: unknown): void {
    if (answer === NO_CALLBACK) {
      this.#deny(topic, 'no-handler', 'the connection handler has no onSubscribe');
      return;
    }
    const decision = readGrant(answer);
    if (decision === undefined) {
      this.#report('onSubscribe', new TypeError('it must return grant(), deny(), true, false, null or undefined'));
      this.#refuse({ id, topic, code: 'failed', message: 'onSubscribe has failed' });
    } else if (decision instanceof Denial) this.#deny(topic, 'denied', decision.message);
    else if (!decision.history && !isWithoutHistory(since)) {
      this.#deny(topic, 'denied', 'the history is not granted: since must be "now", or behind a message');
    } else if (this.#hasRoomFor(topic)) this.#begin(topic, since, decision);
    else this.#refuse(this.#tooMany(topic, id));
  }

  /** Refuses a subscription. One that the client has already is taken away. */
  #deny(topic: string, code: FrameCode, message: string): void {
    const known = this.#subscriptions.get(topic);
    if (known === undefined) this.send(unsubbedFrame(topic, code, message));
    else this.endSubscription(known, 'server', code, message);
  }

  #begin(...[topic, since, grant, beginning]: BeginParameters): void {
    // The client begins anew at another place.
    this.#subscriptions.get(topic)?.stop();
    const subscription = new ConnectionSubscription(this, topic, grant);
    this.#subscriptions.set(topic, subscription);
    subscription.start(since, beginning);
  }

  #takePub(frame: PublishFrame): void {
    const { topic, id, data, key } = frame;
    const { publishesPerSecond, payloadBytes } = this.host.settings.limits;
    this.#publishRate ??= new RateLimit(publishesPerSecond, monotonicMs());
    const retryMs = this.#publishRate.takeOrWait(monotonicMs());
    if (retryMs > 0) {
      this.#refuse({ id, code: 'rate', message: `too many messages: at most ${publishesPerSecond} a second`, retryMs });
      return;
    }
    const given = readGiven(data, payloadBytes);
    if (typeof given === 'object' && 'problem' in given) {
      this.#refuse({ id, code: 'data', message: given.problem });
      return;
    }
    this.#lanes.add(topic, (done) => {
      const event: PublishEvent = Object.freeze({ type: 'publish', topic, data, ...(key !== undefined && { key }) });
      const fail = (): void => this.#refuse({ id, code: 'failed', message: 'onPublish has failed' });
      this.#ask('onPublish', event, (answer) => this.#decidePublish(frame, given, answer, fail), fail, done);
    });
  }

  #decidePublish(frame: PublishFrame, given: string | Buffer, answer: unknown, fail: () => void): void {
    const { id, topic } = frame;
    let data: string | Buffer | undefined;
    try {
      data = this.#toPublish(topic, given, answer);
    } catch (thrown) {
      this.#report('onPublish', thrown);
      fail();
      return;
    }
    if (data !== undefined) void this.#publish(frame, data);
    else if (answer !== NO_CALLBACK) this.#refuse({ id, code: 'denied', message: 'denied' });
    else if (this.#subscriptions.has(topic)) {
      this.#refuse({ id, code: 'denied', message: 'publishing is not granted' });
    } else this.#refuse({ id, code: 'denied', message: 'not subscribed, and the connection handler has no onPublish' });
  }

  /** Returns what to publish; undefined for nothing. */
  #toPublish(topic: string, given: string | Buffer, answer: unknown): string | Buffer | undefined {
    if (answer === NO_CALLBACK) return this.#subscriptions.get(topic)?.grant?.publish === true ? given : undefined;
    if (answer === true) return given;
    if (answer === false || answer === null || answer === undefined) return undefined;
    if (typeof answer !== 'object') throw new TypeError('it must return true, { data }, false, null or undefined');
    const { data } = answer as { readonly data?: unknown };
    if (data === undefined) return given;
    const wire = toData(data);
    checkSize(wire, this.host.settings.limits.payloadBytes);
    return wire;
  }

  async #publish({ topic, id, key, ttl, mid, isVolatile }: PublishFrame, data: string | Buffer): Promise<void> {
    const publication: Publication = {
      data,
      key,
      isRemoved: key !== undefined && data === 'null',
      ttl,
      idempotencyKey: mid === undefined ? undefined : `${this.#scopeOfMids}${mid}`,
      isVolatile,
      from: this.user,
    };
    try {
      const published = await this.host.port.publish(topic, publication);
      if (!this.#hasEnded) this.send(publishedFrame(id, published));
    } catch (error) {
      this.#refuseOfBroker(id, error);
    }
  }

  /** In front of the mids of a client: those of one user, or of one session without a user, meet. */
  get #scopeOfMids(): string {
    return this.user === undefined ? `s:${this.session}:` : `u:${this.user}:`;
  }

  #refuseOfBroker(id: FrameId, error: unknown): void {
    if (this.#hasEnded) return;
    const known = isFourDError(error) ? PROBLEMS_OF_BROKER[error.code] : undefined;
    this.#refuse({ id, ...(known ?? { code: 'failed', message: 'the server has failed' }) });
    if (known === undefined) this.#report('the broker', error);
  }

  async #readHistory({ topic, after, limit, id }: Extract<CheckedFrame, { readonly t: 'hist' }>): Promise<void> {
    const subscription = this.#subscriptions.get(topic);
    if (subscription === undefined || subscription.grant?.history === false) {
      const message = subscription === undefined ? 'not subscribed' : 'the history is not granted';
      this.#refuse({ id, topic, code: 'denied', message });
      return;
    }
    try {
      const { entries, hasMore } = await this.host.port.history(topic, after, limit);
      if (!this.#hasEnded) this.send(historyFrame(id, entries, hasMore));
    } catch (error) {
      this.#refuseOfBroker(id, error);
    }
  }

  #takeRequest(id: FrameId, data: unknown): void {
    // Each request has a lane of its own: none waits for another one.
    this.#lanes.add({}, (done) => {
      const event: RequestEvent = Object.freeze({ type: 'request', data });
      const fail = (): void => this.#refuse({ id, code: 'failed', message: 'onRequest has failed' });
      const answer = (result: unknown): void => {
        if (result === NO_CALLBACK) {
          this.#refuse({ id, code: 'no-handler', message: 'the connection handler has no onRequest' });
          return;
        }
        try {
          this.send(answerFrame(id, toData(result === undefined ? null : result)));
        } catch (thrown) {
          this.#report('onRequest', thrown);
          fail();
        }
      };
      this.#ask('onRequest', event, answer, fail, done);
    });
  }

  #tellEnd(topic: string, cause: UnsubscribeCause): void {
    const event: UnsubscribeEvent = Object.freeze({ type: 'unsubscribe', topic, cause });
    const { handler, subject } = this.#peer;
    callUser(
      this.host.scope,
      () => callHandler(handler, 'onUnsubscribe', subject, event),
      (outcome) => {
        if ('thrown' in outcome) this.#report('onUnsubscribe', outcome.thrown);
      },
    );
  }
}

type BeginParameters = [
  topic: string,
  since: Since,
  grant: Grant | undefined,
  beginning?: Parameters<ConnectionSubscription['start']>[1],
];

/** Tells whether a subscription gets nothing older than what the client has had. */
function isWithoutHistory(since: Since): boolean {
  if (since === 'now') return true;
  // An offset of 0 stands in front of the whole log. What is no position is a gap, behind which all is new.
  return typeof since === 'object' && 'after' in since && parsePosition(since.after)?.offset !== 0;
}

/** Returns the JSON of what a client publishes, or its bytes. */
function readGiven(data: unknown, limit: number): string | Buffer | { readonly problem: string } {
  let given: string | Buffer;
  try {
    given = Buffer.isBuffer(data) ? data : JSON.stringify(data);
  } catch {
    return { problem: 'data is nested too deeply' };
  }
  const bytes = Buffer.byteLength(given);
  return bytes > limit ? { problem: tooLong(bytes, limit) } : given;
}
