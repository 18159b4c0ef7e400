import { ClientCalls } from './client-calls.ts';
import type { TopicsHost } from './client-host.ts';
import { ClientSubscription, type SubscriptionOwner, toMembers } from './client-subscription.ts';
import type { RequestOptions, SubscribeOptions } from './client-types.ts';
import { fromFrame, isRecord, type Loose, toJson, toText, toTopicMessage, toWait } from './frame-data.ts';
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

/** A token as subprotocols take it: anything else would make every further attempt fail. */
const SESSION_TOKEN = /^[\w-]{1,128}$/;

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
 * Speaks `4d-topics.1` by a {@link TopicsHost}.
 *
 * @remarks What a server sends never throws: unknown frames are ignored, and so is what is malformed.
 */
export class ClientTopics implements SubscriptionOwner {
  readonly host: TopicsHost;
  readonly #calls: ClientCalls;
  readonly #entries = new Map<string, Entry>();
  /** Subscriptions that are to be sent. */
  readonly #unsent = new Set<ClientSubscription>();
  /** Subscriptions of which too many callbacks wait. */
  readonly #full = new Set<ClientSubscription>();
  /** `waiting`: for a connection. `on`: connected. `off`: connected to a server without topics. `over`: none follows. */
  #state: 'waiting' | 'on' | 'off' | 'over' = 'waiting';
  #session: string | undefined;
  #connectionCount = 0;
  #isFlushDue = false;

  constructor(host: TopicsHost) {
    this.host = host;
    this.#calls = new ClientCalls(host, () => host.onFlow());
  }

  /** Whether the connection is open, and the server has chosen the subprotocol of topics. */
  get isOn(): boolean {
    return this.#state === 'on';
  }

  /** Whether callbacks of a subscription are so slow that reading should stop. */
  get isFull(): boolean {
    return this.#full.size > 0;
  }

  /** Whether a call waits for its answer. A callback that is slow may wait for it, so that it must be read. */
  get isAwaiting(): boolean {
    return this.#calls.count > 0;
  }

  /** The subprotocols of the next attempt. */
  offer(protocols: readonly string[]): string[] {
    const session = this.#session === undefined ? [] : [SESSION_PREFIX + this.#session];
    return [...new Set([TOPICS_PROTOCOL, ...session, ...protocols])];
  }

  // The life of the client

  /** The client begins, also anew after an end: it waits for a connection. */
  begin(): void {
    this.#state = 'waiting';
  }

  /** There is a connection. */
  open(protocol: string): void {
    if (protocol !== TOPICS_PROTOCOL) {
      this.#endAll('the server did not choose 4d-topics.1', (subscription) => {
        const message = 'the server did not choose 4d-topics.1: it needs the option topics';
        subscription.finish('onRefused', { type: 'refused', code: 'topics-off', message });
      });
      this.#state = 'off';
      return;
    }
    this.#state = 'on';
    this.#connectionCount++;
    for (const { subscription } of this.#entries.values()) {
      if (subscription !== undefined && !subscription.isHeld) this.#unsent.add(subscription);
    }
    this.#flush();
    this.#calls.open();
  }

  /** The connection is lost, and another one may follow. */
  lose(): void {
    this.#state = 'waiting';
    for (const [topic, entry] of this.#entries) {
      entry.asked = undefined;
      if (entry.subscription === undefined) this.#entries.delete(topic);
    }
    this.#calls.lose();
  }

  /** This program ends the connection: no message reaches its callback any more. {@link end} follows. */
  mute(): void {
    this.#state = 'waiting';
    for (const { subscription } of this.#entries.values()) subscription?.mute();
  }

  /** The client is over for good. @param dropsWaiting - whether messages that wait for their callback are dropped */
  end(dropsWaiting: boolean): void {
    this.#endAll('the client is over', (subscription) => subscription.end('ended', dropsWaiting));
    this.#state = 'over';
  }

  #endAll(why: string, finish: (subscription: ClientSubscription) => void): void {
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    this.#unsent.clear();
    this.#calls.end(why);
    for (const { subscription } of entries) if (subscription !== undefined) finish(subscription);
  }

  // What users call

  subscribe(topic: string, handler: TopicHandler, options: SubscribeOptions = {}): Subscription {
    this.#check(topic);
    if (!isRecord(handler)) throw this.host.toError('ERR_INVALID_HANDLER', 'a handler of a topic is an object');
    const subscription = new ClientSubscription(this, topic, handler, options);
    const entry = this.#entries.get(topic);
    if (entry?.subscription !== undefined) {
      throw this.host.toError('ERR_INVALID_TOPIC', 'this client has subscribed to the topic already');
    }
    if (entry === undefined) this.#entries.set(topic, { subscription, asked: undefined });
    else entry.subscription = subscription;
    this.join(subscription);
    return subscription;
  }

  publish(topic: string, data: Publishable, options: PublishOptions = {}): Promise<Published> {
    const published = this.#publish(topic, data, options);
    // Nobody awaits a pointer that moves: its loss must not end the program.
    if (options.volatile === true) published.catch(() => {});
    return published;
  }

  async #publish(topic: string, data: Publishable, options: PublishOptions): Promise<Published> {
    this.#check(topic);
    const { key, ttl, idempotencyKey, volatile } = options;
    const json = toJson(data, this.host);
    const frame = {
      t: 'pub',
      topic,
      key,
      ttl,
      ...(volatile ? { volatile } : { mid: idempotencyKey ?? this.host.randomId() }),
    };
    const { pos, dup } = await this.#call(volatile ? 'volatile' : 'publish', frame, json);
    return { position: toText(pos), duplicate: dup === true };
  }

  async request(data: Publishable, options?: RequestOptions): Promise<unknown> {
    this.#check();
    const answer = await this.#call('request', { t: 'req' }, toJson(data, this.host), options);
    return fromFrame(answer['data'], this.host);
  }

  async history(
    topic: string,
    { after, limit }: { after?: Position | undefined; limit?: number | undefined } = {},
  ): Promise<HistoryPage> {
    this.#check(topic);
    const { msgs, more } = await this.#call('read', { t: 'hist', topic, after, limit });
    const list: unknown[] = Array.isArray(msgs) ? msgs : [];
    const messages = list.filter(isRecord).map((frame) => toTopicMessage(frame, this.host));
    return { messages, hasMore: more === true };
  }

  async members(topic: string): Promise<Members> {
    this.#check(topic);
    return toMembers(await this.#call('read', { t: 'who', topic }));
  }

  #call(...args: Parameters<ClientCalls['send']>): Promise<Loose> {
    this.#flush();
    return this.#calls.send(...args);
  }

  /** @throws FourDError `ERR_TOPICS_OFF`, `ERR_NOT_CONNECTED`, `ERR_INVALID_TOPIC` */
  #check(topic?: unknown): void {
    if (this.#state === 'off') throw this.host.toError('ERR_TOPICS_OFF', 'the server did not choose 4d-topics.1');
    if (this.#state === 'over') throw this.host.toError('ERR_NOT_CONNECTED', 'the client is over', { stored: 'no' });
    if (arguments.length > 0) checkTopic(topic, this.host);
  }

  // SubscriptionOwner

  join(subscription: ClientSubscription): void {
    this.#unsent.add(subscription);
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    queueMicrotask(() => {
      this.#isFlushDue = false;
      this.#flush();
    });
  }

  leave(subscription: ClientSubscription): void {
    const { topic } = subscription;
    const entry = this.#entries.get(topic);
    if (entry?.subscription !== subscription) return;
    const wasSent = !this.#unsent.delete(subscription);
    if (entry.asked !== undefined) entry.subscription = undefined;
    else {
      if (wasSent && this.#state === 'on') this.#send({ t: 'unsub', topic });
      if (!subscription.isHeld) this.#entries.delete(topic);
    }
  }

  setFull(subscription: ClientSubscription, isFull: boolean): void {
    if (isFull) this.#full.add(subscription);
    else this.#full.delete(subscription);
    this.host.onFlow();
  }

  // What goes out

  #send(frame: object): void {
    this.host.send(JSON.stringify(frame));
  }

  /** Sends the subscriptions that wait. */
  #flush(): void {
    if (this.#state !== 'on' || this.#unsent.size === 0) return;
    const several: { topic: string; since: unknown }[] = [];
    for (const subscription of this.#unsent) {
      const { topic, frameSince: since, presence } = subscription;
      const entry = this.#entries.get(topic);
      // The answer to an older subscription sends this one.
      if (entry === undefined || entry.asked !== undefined) continue;
      entry.asked = subscription;
      if (presence === undefined) several.push({ topic, since });
      else this.#send({ t: 'sub', topic, since, presence });
    }
    this.#unsent.clear();
    for (let i = 0; i < several.length; i += MOST_IN_FRAME) {
      const part = several.slice(i, i + MOST_IN_FRAME);
      this.#send(part.length > 1 ? { t: 'sub', topic: part } : { t: 'sub', ...part[0] });
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
    for (const frame of Array.isArray(frames) ? (frames as unknown[]) : [frames]) {
      // A callback within may have ended the client.
      if (isRecord(frame) && this.isOn) this.#onFrame(frame);
    }
  }

  #onFrame(frame: Loose): void {
    const { t, topic, id } = frame;
    const { host } = this;
    if (t === 'msg') host.onMessage(frame['data']);
    else if (t === 'hi') this.#onHi(frame);
    else if (t === 'move') host.onMove(toWait(frame['afterMs']));
    else if (id !== undefined && t === 'err') this.#calls.onRefused(frame);
    else if (id !== undefined && (t === 'ok' || t === 'hist' || t === 'who')) this.#calls.onAnswer(frame);
    else if (typeof topic === 'string') this.#onTopicFrame(topic, frame);
  }

  #onHi({ session, aliveMs, limits }: Loose): void {
    const perSecond = isRecord(limits) ? limits['publishesPerSecond'] : undefined;
    this.#calls.pace(typeof perSecond === 'number' ? perSecond : Infinity);
    if (typeof session === 'string' && SESSION_TOKEN.test(session)) this.#session = session;
    if (typeof aliveMs === 'number' && aliveMs > 0) this.host.onHi(aliveMs);
  }

  #onTopicFrame(topic: string, frame: Loose): void {
    const { t } = frame;
    const entry = this.#entries.get(topic);
    const isAnswer = t === 'subbed' || t === 'unsubbed' || t === 'err';
    if (entry === undefined) {
      if (t === 'subbed') this.#send({ t: 'unsub', topic });
      return;
    }
    const { subscription, asked } = entry;
    if (isAnswer) entry.asked = undefined;
    else if (asked !== undefined || (subscription !== undefined && this.#unsent.has(subscription))) return;
    if (subscription === undefined || (asked !== undefined && asked !== subscription)) {
      // The answer is for a subscription that the user has left.
      if (t === 'subbed') this.#send({ t: 'unsub', topic });
      if (subscription === undefined) this.#entries.delete(topic);
      else this.join(subscription);
      return;
    }
    const wasAsked = asked !== undefined;
    if (t === 'unsubbed' || t === 'err') this.#onUnsubscribed(subscription, frame, wasAsked);
    else if (subscription.isHeld) return;
    else if (t === 'm') subscription.onMessage(frame);
    else if (t === 'subbed') subscription.onSubscribed(frame);
    else if (t === 'live') subscription.onLive(frame);
    else if (t === 'gap') subscription.onGap(frame);
    else if (t === 'who') subscription.onMembers(frame);
  }

  #onUnsubscribed(subscription: ClientSubscription, frame: Loose, wasAsked: boolean): void {
    const code = toText(frame['code']) ?? '';
    // While the broker is away, nobody can tell for how long.
    const { retryMs = code === 'broker-down' ? BROKER_RETRY_MS : undefined } = frame;
    if (typeof retryMs === 'number') {
      const count = this.#connectionCount;
      // A later connection has subscribed anew.
      this.host.after(toWait(retryMs), () => {
        if (!subscription.isOver && count === this.#connectionCount) this.join(subscription);
      });
      return;
    }
    this.#entries.delete(subscription.topic);
    if (wasAsked) subscription.finish('onRefused', { type: 'refused', code, message: toText(frame['message']) ?? '' });
    else subscription.end(code === 'expired' ? 'expired' : 'taken', false);
  }
}

/** @throws FourDError `ERR_INVALID_TOPIC` */
function checkTopic(topic: unknown, host: TopicsHost): void {
  const isName =
    typeof topic === 'string' &&
    // Control characters, which the rule of the linter takes for a mistake.
    /^[^\p{Cc}*#>@][^\p{Cc}*#>]*$|^@me$/u.test(topic) &&
    new TextEncoder().encode(topic).length <= 256;
  if (isName) return;
  const message = 'a topic is 1 to 256 bytes of UTF-8 without control characters, * # >, or @ in front';
  throw host.toError('ERR_INVALID_TOPIC', message);
}
