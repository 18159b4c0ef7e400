import { ClientCalls } from './client-calls.ts';
import type { ErrorCode } from '../errors.ts';
import type { TopicErrorDetails, TopicsHost } from './client-host.ts';
import { ClientSubscription, type SubscriptionOwner, toMembers } from './client-subscription.ts';
import type { RequestOptions, SubscribeOptions } from './client-types.ts';
import {
  fromFrame,
  isRecord,
  type Loose,
  toJson,
  toNumber,
  toRecords,
  toText,
  toTopicMessage,
  toWait,
} from './frame-data.ts';
import { SESSION_PREFIX, TOPICS_PROTOCOL } from './frames.ts';
import type { Position } from './position.ts';
import type {
  HistoryPage,
  Members,
  Publishable,
  Published,
  PublishOptions,
  Subscription,
  TopicHandler,
} from './topic-handler.ts';

/** Most topics in one frame. */
const MOST_IN_FRAME = 100;

const BROKER_RETRY_MS = 1000;

const NOT_CHOSEN = 'the server has no topics';

/** What the client knows of a topic. */
interface Entry {
  /** Undefined when the user has left the topic, and the answer to its subscription is still to come. */
  subscription: ClientSubscription | undefined;
  /**
   * The subscription that was sent and is not answered: all frames in front of the answer are older. Nothing else is sent
   * for the topic until then, because a server that is told to forget a subscription may not answer it any more.
   */
  asked: ClientSubscription | undefined;
}

/**
 * The topics of one client, in Node or in a browser: subscriptions that live through reconnections, publications, requests.
 * Speaks `4d-topics.1`. What it needs of the client is abstract.
 *
 * @remarks What a server sends never throws: unknown frames are ignored, and so is what is malformed.
 */
export abstract class ClientTopics implements TopicsHost, SubscriptionOwner {
  readonly #calls: ClientCalls = new ClientCalls(this);
  readonly #entries = new Map<unknown, Entry>();
  /** Subscriptions that are to be sent. */
  readonly #unsent = new Set<ClientSubscription>();
  /** `waiting`: for a connection. `on`: connected. `off`: connected to a server without topics. `over`: none follows. */
  #state: 'waiting' | 'on' | 'off' | 'over' = 'waiting';
  #session: string | undefined;
  #connectionCount = 0;

  /** Whether the connection is open, and the server has chosen the subprotocol of topics. */
  get isOn(): boolean {
    return this.#state === 'on';
  }

  /** The subprotocols of the next attempt. */
  offer(protocols: readonly string[]): string[] {
    const session = this.#session ? [SESSION_PREFIX + this.#session] : [];
    return [...new Set([TOPICS_PROTOCOL, ...session, ...protocols])];
  }

  // The life of the client

  /** The client begins, also anew after an end: it waits for a connection. */
  begin(): void {
    this.#state = 'waiting';
  }

  /** There is a connection. */
  open(protocol: string): void {
    this.#connectionCount++;
    if (protocol !== TOPICS_PROTOCOL) {
      this.#endAll('off', NOT_CHOSEN, (subscription) =>
        subscription.finish('onRefused', { type: 'refused', code: 'topics-off', message: NOT_CHOSEN }),
      );
      return;
    }
    this.#state = 'on';
    for (const { subscription } of this.#entries.values()) {
      if (subscription && !subscription.isHeld) this.#unsent.add(subscription);
    }
    this.#flush();
    this.#calls.open();
  }

  /** The connection is lost, and another one may follow. */
  lose(): void {
    this.begin();
    for (const [topic, entry] of this.#entries) {
      entry.asked = undefined;
      if (!entry.subscription) this.#entries.delete(topic);
    }
    this.#calls.lose();
  }

  /** This program ends the connection: no message reaches its callback any more. {@link end} follows. */
  mute(): void {
    this.begin();
    for (const { subscription } of this.#entries.values()) subscription?.drop();
  }

  /** The client is over for good. @param dropsWaiting - whether messages that wait for their callback are dropped */
  end(dropsWaiting: boolean): void {
    if (dropsWaiting) this.mute();
    this.#endAll('over', 'the client is over', (subscription) => subscription.end('ended'));
  }

  #endAll(state: 'off' | 'over', why: string, finish: (subscription: ClientSubscription) => void): void {
    const entries = [...this.#entries.values()];
    this.#state = state;
    this.#entries.clear();
    this.#unsent.clear();
    this.#calls.end(why);
    for (const { subscription } of entries) if (subscription) finish(subscription);
  }

  // What users call

  subscribe(topic: string, handler: TopicHandler, options: SubscribeOptions = {}): Subscription {
    this.#check(topic);
    if (!isRecord(handler)) throw this.toError('ERR_INVALID_HANDLER', 'use an object');
    const subscription = new ClientSubscription(this, topic, handler, options);
    const entry = this.#entries.get(topic) ?? { subscription: undefined, asked: undefined };
    if (entry.subscription) throw this.toError('ERR_INVALID_TOPIC', 'subscribed already');
    entry.subscription = subscription;
    this.#entries.set(topic, entry);
    this.join(subscription);
    return subscription;
  }

  publish(topic: string, data: Publishable, options: PublishOptions = {}): Promise<Published> {
    const published = this.#publish(topic, data, options);
    // Nobody awaits a pointer that moves: its loss must not end the program.
    if (options.volatile) published.catch(() => {});
    return published;
  }

  async #publish(
    topic: string,
    data: Publishable,
    { key, ttl, idempotencyKey, volatile }: PublishOptions,
  ): Promise<Published> {
    this.#check(topic);
    const frame = { t: 'pub', topic, key, ttl } as const;
    const kind = volatile ? { volatile } : { mid: idempotencyKey ?? this.randomId() };
    const { pos, dup } = await this.#call({ ...frame, ...kind }, toJson(data, this));
    return { position: toText(pos), duplicate: dup === true };
  }

  async request(data: Publishable, options?: RequestOptions): Promise<unknown> {
    this.#check();
    const answer = await this.#call({ t: 'req' }, toJson(data, this), options);
    return fromFrame(answer['data'], this);
  }

  async history(
    topic: string,
    range: { after?: Position | undefined; limit?: number | undefined } = {},
  ): Promise<HistoryPage> {
    const { after, limit } = range;
    this.#check();
    const { msgs, more } = await this.#call({ t: 'hist', topic, after, limit } as { t: 'hist' });
    return { messages: toRecords(msgs).map((frame) => toTopicMessage(frame, this)), hasMore: more === true };
  }

  async members(topic: string): Promise<Members> {
    this.#check();
    return toMembers(await this.#call({ t: 'who', topic }));
  }

  #call(...args: Parameters<ClientCalls['send']>): Promise<Loose> {
    this.#flush();
    return this.#calls.send(...args);
  }

  /** @throws FourDError `ERR_TOPICS_OFF`, `ERR_NOT_CONNECTED`, `ERR_INVALID_TOPIC` */
  #check(topic = '@me'): void {
    if (this.#state === 'off') throw this.toError('ERR_TOPICS_OFF', NOT_CHOSEN);
    if (this.#state === 'over') throw this.toError('ERR_NOT_CONNECTED', 'the client is over', { stored: 'no' });
    const problem = topic === '@me' ? undefined : this.findProblem(topic);
    if (problem) throw this.toError('ERR_INVALID_TOPIC', problem);
  }

  // SubscriptionOwner

  join(subscription: ClientSubscription): void {
    // Those that are made in one turn go out in one frame.
    if (this.#unsent.add(subscription).size === 1) queueMicrotask(() => this.#flush());
  }

  leave(subscription: ClientSubscription): void {
    const { topic } = subscription;
    const entry = this.#entries.get(topic);
    if (entry?.subscription !== subscription) return;
    const wasSent = !this.#unsent.delete(subscription);
    if (entry.asked) entry.subscription = undefined;
    else {
      if (wasSent) this.#send({ t: 'unsub', topic });
      if (!subscription.isHeld) this.#entries.delete(topic);
    }
  }

  // What goes out

  #send(frame: object): void {
    if (this.isOn) this.send(JSON.stringify(frame));
  }

  /** Sends the subscriptions that wait. */
  #flush(): void {
    if (!this.isOn) return;
    const several: { topic: string; since: unknown }[] = [];
    for (const subscription of this.#unsent) {
      const { topic, since, presence } = subscription;
      const entry = this.#entries.get(topic);
      // The answer to an older subscription sends this one.
      if (!entry || entry.asked) continue;
      entry.asked = subscription;
      if (presence) this.#send({ t: 'sub', topic, since, presence });
      else several.push({ topic, since });
    }
    this.#unsent.clear();
    while (several.length > 0) {
      const part = several.splice(0, MOST_IN_FRAME);
      this.#send({ t: 'sub', ...(part.length > 1 ? { topic: part } : part[0]) });
    }
  }

  // What comes in

  /** Takes a text message of the server. */
  receive(text: string): void {
    let frames: unknown;
    try {
      frames = JSON.parse(text);
    } catch {
      return;
    }
    for (const frame of toRecords(Array.isArray(frames) ? frames : [frames])) {
      // A callback within may have ended the client.
      if (this.isOn) this.#onFrame(frame);
    }
  }

  #onFrame(frame: Loose): void {
    const { t, topic, id, session, limits } = frame;
    if (t === 'msg') this.onMessage(frame['data']);
    else if (t === 'hi') {
      // A token as subprotocols take it: anything else would make every further attempt fail.
      if (/^[\w-]{16,128}$/.test(toText(session) as string)) this.#session = toText(session);
      this.#calls.pace(toNumber((limits as Loose | undefined)?.['publishesPerSecond']) || Infinity);
      this.onHi?.(frame['aliveMs']);
    } else if (t === 'move') this.onMove(toWait(frame['afterMs']));
    else if (id && t !== 'm') this.#calls.onAnswer(frame);
    else this.#onTopicFrame(topic, frame);
  }

  #onTopicFrame(topic: unknown, frame: Loose): void {
    const { t } = frame;
    const entry = this.#entries.get(topic);
    const { subscription, asked } = entry ?? {};
    const isEnd = t === 'unsubbed' || t === 'err';
    const isAnswer = isEnd || t === 'subbed';
    if (entry && isAnswer) entry.asked = undefined;
    if (entry && !isAnswer && (asked || this.#unsent.has(subscription as ClientSubscription))) return;
    if (!subscription || (asked && asked !== subscription)) {
      // The answer is for a subscription that the user has left.
      if (t === 'subbed') this.#send({ t: 'unsub', topic });
      if (subscription) this.join(subscription);
      else this.#entries.delete(topic);
    } else if (isEnd) this.#onUnsubscribed(subscription, frame, !!asked);
    else if (!subscription.isHeld) subscription.receive(frame);
  }

  #onUnsubscribed(subscription: ClientSubscription, { code, message, retryMs }: Loose, wasAsked: boolean): void {
    // While the broker is away, nobody can tell for how long.
    const waitMs = toWait(retryMs) || (code === 'broker-down' ? BROKER_RETRY_MS : 0);
    if (waitMs) {
      const count = this.#connectionCount;
      // A later connection has subscribed anew.
      this.after(waitMs, () => {
        if (!subscription.isOver && count === this.#connectionCount) this.join(subscription);
      });
      return;
    }
    this.#entries.delete(subscription.topic);
    if (wasAsked) subscription.finish('onRefused', { type: 'refused', code, message });
    else subscription.end(code === 'expired' ? code : 'taken');
  }

  // TopicsHost

  abstract send(text: string): void;
  abstract onMessage(data: unknown): void;
  onHi?(aliveMs: unknown): void;
  abstract onMove(afterMs: number): void;
  onWaiting?(subscription: Subscription, count: number): void;
  onCalls?(count: number): void;
  abstract call(handler: object, name: string, subject: object, event: object): PromiseLike<unknown> | undefined;
  abstract report(name: string, thrown: unknown): void;
  abstract toError(code: ErrorCode, message: string, details?: TopicErrorDetails): Error;
  abstract findProblem(topic: string): string | undefined;
  abstract after(ms: number, act: () => void): unknown;
  abstract cancel(timer: unknown): void;
  abstract toWire(data: object): string | Uint8Array;
  abstract toBase64(bytes: Uint8Array): string;
  abstract fromBase64(text: string): Uint8Array;
  abstract randomId(): string;
}
