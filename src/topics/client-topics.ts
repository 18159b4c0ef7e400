import { type CallFrame, ClientCalls } from './client-calls.ts';
import type { ErrorCode } from '../errors.ts';
import type { TopicErrorDetails, TopicsHost } from './client-host.ts';
import { ClientSubscription, type SubscriptionOwner } from './client-subscription.ts';
import type { RequestOptions, SubscribeOptions } from './client-types.ts';
import { fromFrame, isRecord, type Loose, toRecords, toWait } from './frame-data.ts';
import { SESSION_PREFIX, TOPICS_PROTOCOL } from './frames.ts';
import type { Publishable, Published, PublishOptions, Subscription, TopicHandler } from './topic-handler.ts';

/** Most topics in one frame. */
const MOST_IN_FRAME = 100;

const BROKER_RETRY_MS = 1000;

const NOT_CHOSEN = 'the server has no topics';

type TopicError = Readonly<Parameters<TopicsHost['toError']>>;

/**
 * The topics of one client, in Node or in a browser: subscriptions that live through reconnections, publications, requests.
 * Speaks `4d-topics.1`. What it needs of the client is abstract.
 *
 * @remarks What a server sends never throws: unknown frames are ignored, and so is what is malformed.
 */
export abstract class ClientTopics implements TopicsHost, SubscriptionOwner {
  /** Whether the connection is open, and the server has chosen the subprotocol of topics. */
  isOn = false;
  readonly #calls: ClientCalls = new ClientCalls(this);
  readonly #subscriptions = new Map<unknown, ClientSubscription>();
  /** Subscriptions that are to be sent. */
  readonly #unsent = new Set<ClientSubscription>();
  /**
   * The subscriptions that were sent on this connection and are not answered, also when the user has left them, by topic:
   * all frames in front of the answer are older. Nothing else is sent for the topic until then, because a server that is
   * told to forget a subscription may not answer it any more.
   */
  #asked = new Map<unknown, ClientSubscription>();
  /** The error of all calls, when no connection follows that knows topics. */
  #error: TopicError | undefined;
  readonly #offered: string[];
  /** The timer of a server that goes. */
  #move: unknown;

  /** @param offered - the subprotocols of each attempt: the session comes behind them, once it is known */
  constructor(offered: string[]) {
    this.#offered = offered;
  }

  // The life of the client

  /** The client begins, also anew after an end: it waits for a connection. */
  begin(): void {
    this.isOn = false;
    this.#error = undefined;
  }

  /** There is a connection. */
  open(protocol: string): void {
    this.cancel(this.#move);
    if (protocol !== TOPICS_PROTOCOL) {
      this.#endAll(['ERR_TOPICS_OFF', NOT_CHOSEN], (subscription) => subscription.refuse('topics-off', NOT_CHOSEN));
      return;
    }
    this.isOn = true;
    for (const subscription of this.#subscriptions.values()) {
      if (subscription.state === 'on') this.#unsent.add(subscription);
    }
    this.#flush();
    this.#calls.pace();
  }

  /** The connection is lost, and another one may follow. */
  lose(): void {
    this.begin();
    this.#asked = new Map();
    this.#calls.lose();
  }

  /** This program ends the connection: no message reaches its callback any more. {@link end} follows. */
  mute(): void {
    this.isOn = false;
    for (const subscription of this.#subscriptions.values()) subscription.drop();
  }

  /** The client is over for good. */
  end(): void {
    this.cancel(this.#move);
    this.#endAll(['ERR_NOT_CONNECTED', 'the client is over', { stored: 'no' }], (subscription) =>
      subscription.end('ended'),
    );
  }

  #endAll(error: TopicError, finish: (subscription: ClientSubscription) => void): void {
    const subscriptions = [...this.#subscriptions.values()];
    this.lose();
    this.#error = error;
    this.#subscriptions.clear();
    this.#unsent.clear();
    this.#calls.end(error[1]);
    for (const subscription of subscriptions) finish(subscription);
  }

  // What users call

  subscribe(topic: string, handler: TopicHandler, options?: SubscribeOptions): Subscription {
    this.#check(topic);
    if (!isRecord(handler)) throw this.toError('ERR_INVALID_HANDLER', 'use an object');
    const subscription = new ClientSubscription(this, topic, handler, options);
    if (this.#subscriptions.has(topic)) throw this.toError('ERR_INVALID_TOPIC', 'subscribed already');
    this.#subscriptions.set(topic, subscription);
    this.join(subscription);
    return subscription;
  }

  publish(
    topic: string,
    data: Publishable,
    { idempotencyKey, volatile, ...options }: PublishOptions = {},
  ): Promise<Published> {
    const mid = volatile ? undefined : (idempotencyKey ?? this.randomId());
    const published = this.ask({ ...options, t: 'pub', topic, data, volatile, mid }, ({ pos, dup }) => ({
      position: pos,
      duplicate: !!dup,
    }));
    // Nobody awaits a pointer that moves: its loss must not end the program.
    if (volatile) published.catch(() => {});
    return published;
  }

  request(data: Publishable, options?: RequestOptions): Promise<unknown> {
    return this.ask({ t: 'req', data }, (answer) => fromFrame(answer['data'], this), options);
  }

  async ask<T>(frame: CallFrame, read: (answer: Loose) => T, options?: RequestOptions): Promise<T> {
    this.#check(frame.topic ?? '@me');
    this.#flush();
    return read(await this.#calls.send(frame, options));
  }

  /** @throws FourDError `ERR_TOPICS_OFF`, `ERR_NOT_CONNECTED`, `ERR_INVALID_TOPIC` */
  #check(topic: string): void {
    if (this.#error) throw this.toError(...this.#error);
    const problem = this.findProblem(topic);
    if (problem) throw this.toError('ERR_INVALID_TOPIC', problem);
  }

  // SubscriptionOwner

  join(subscription: ClientSubscription): void {
    // Subscriptions that are made in one turn go out in one frame.
    if (this.#unsent.add(subscription).size === 1) queueMicrotask(() => this.#flush());
  }

  leave(subscription: ClientSubscription): void {
    const { topic } = subscription;
    if (this.#subscriptions.get(topic) !== subscription) return;
    if (!this.#unsent.delete(subscription) && !this.#asked.has(topic)) this.#send({ t: 'unsub', topic });
    if (subscription.state === 'over') this.#subscriptions.delete(topic);
  }

  // What goes out

  #send(frame: object): void {
    if (this.isOn) this.send(JSON.stringify(frame));
  }

  /** Sends the subscriptions that wait. */
  #flush(): void {
    if (!this.isOn) return;
    const several: object[] = [];
    for (const subscription of this.#unsent) {
      const { topic, since, presence } = subscription;
      // The answer to an older subscription sends this one.
      if (this.#asked.has(topic)) continue;
      this.#asked.set(topic, subscription);
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
    try {
      for (const frame of toRecords(JSON.parse(text))) {
        // A callback within may have ended the client.
        if (this.isOn) this.onFrame(frame);
      }
    } catch {
      // No server of ours sends what cannot be read, such as a code that is an object without toString.
    }
  }

  protected onFrame(frame: Loose): void {
    const { t, id, session, limits } = frame;
    if (t === 'msg') this.onMessage(frame['data'] ?? null);
    else if (t === 'hi') {
      // A token as subprotocols take it: anything else would make every further attempt fail.
      const isToken = /^[\w-]{16,128}$/.test(session as string);
      if (isToken) {
        // The session takes the place of an earlier one, which a program may have kept and offered.
        const others = this.#offered.filter((protocol) => !protocol.startsWith(SESSION_PREFIX));
        this.#offered.splice(0, Infinity, ...others, SESSION_PREFIX + (session as string));
      }
      const atOnce = ((limits as Loose | undefined)?.['publishesPerSecond'] as number) / 2 || Infinity;
      this.#calls.pace(atOnce, atOnce);
    } else if (t === 'move') {
      this.cancel(this.#move);
      this.#move = this.after(toWait(frame['afterMs']), () => this.onMove());
    } else if (id && t !== 'm') this.#calls.onAnswer(frame);
    else this.#onTopicFrame(frame);
  }

  #onTopicFrame(frame: Loose): void {
    const { t, topic, code, message, retryMs, unasked } = frame;
    // The server has subscribed the client by itself: its user hears of the topic when it subscribes too.
    if (unasked) return;
    const subscription = this.#subscriptions.get(topic);
    const asked = this.#asked.get(topic);
    const isEnd = t === 'unsubbed' || t === 'err';
    if (isEnd || t === 'subbed') this.#asked.delete(topic);
    else if (asked || this.#unsent.has(subscription as ClientSubscription)) return;
    if (!subscription || (asked && asked !== subscription)) {
      // The answer is for a subscription that the user has left.
      if (t === 'subbed') this.#send({ t: 'unsub', topic });
      if (subscription) this.join(subscription);
    } else if (isEnd) {
      // While the broker is away, nobody can tell for how long.
      const waitMs = toWait(retryMs) || (code === 'broker-down' ? BROKER_RETRY_MS : 0);
      if (waitMs) {
        const connection = this.#asked;
        this.after(waitMs, () => {
          // A later connection has subscribed anew.
          if (subscription.state !== 'over' && connection === this.#asked) this.join(subscription);
        });
      } else {
        this.#subscriptions.delete(topic);
        if (asked) subscription.refuse(code as string, message as string);
        else subscription.end(code === 'expired' ? code : 'taken');
      }
    } else if (subscription.state === 'on') subscription.receive(frame);
  }

  // TopicsHost

  abstract send(text: string): void;
  abstract onMessage(data: unknown): void;
  abstract onMove(): void;
  onWaiting?(subscription: Subscription, count: number): void;
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
