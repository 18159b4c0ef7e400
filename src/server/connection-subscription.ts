import { FourDError } from '../errors.ts';
import type { Feed, FeedEntry, FeedSink } from '../topics/feed.ts';
import type { Position } from '../topics/position.ts';
import { gapFrame, liveFrame, subbedFrame, type SubbedFacts } from '../topics/topic-frames.ts';
import type {
  GapReason,
  HistoryPage,
  Members,
  Publishable,
  Published,
  Since,
  Subscription,
} from '../topics/topic-handler.ts';
import { type Expirable, Expiry } from './expiry.ts';
import type { HistoryRange, UnsubscribeCause } from './topic-events.ts';
import type { Grant } from './topic-grant.ts';
import type { TopicHost } from './topic-host.ts';
import type { ServerPublishOptions } from './topic-publishing.ts';

/** Why the core ends a subscription that does not keep up, with `onSlow: 'close'`. */
const SLOW_CODE = 'slow';

/** The connection of a subscription. */
export interface SubscribedConnection {
  readonly host: TopicHost;
  readonly session: string;
  readonly user: string | undefined;
  readonly isReady: boolean;
  onceReady(callback: () => void): void;
  send(frame: string): void;
  sendEntry(entry: FeedEntry, form: 'live' | 'replayed' | 'state'): void;
  /** Closes the connection, because it does not keep up. */
  closeSlow(): void;
  /** Ends a subscription, and tells the client and the handler why. */
  endSubscription(subscription: ConnectionSubscription, cause: UnsubscribeCause, code: string, message: string): void;
}

/** Called when a subscription has begun, or could not begin. */
export interface Beginning {
  onBegun(subscription: ConnectionSubscription): void;
  onFailed(error: FourDError): void;
}

/** A subscription of a connection: whatever it delivers becomes frames. */
export class ConnectionSubscription implements FeedSink, Subscription, Expirable {
  readonly topic: string;
  /** Undefined for a subscription that the server's program has made. */
  readonly grant: Grant | undefined;
  readonly #connection: SubscribedConnection;
  #feed: Feed | undefined;
  #expiry: Expiry | undefined;
  #beginning: Beginning | undefined;
  #position: Position | undefined;
  #isOver = false;

  constructor(connection: SubscribedConnection, topic: string, grant: Grant | undefined) {
    this.#connection = connection;
    this.topic = topic;
    this.grant = grant;
  }

  start(since: Since, beginning?: Beginning): void {
    this.#beginning = beginning;
    this.#feed = this.#connection.host.port.subscribe(this.topic, since, this);
    if (this.#isOver) this.#feed.end();
    else if (this.grant?.expiresAt !== undefined) this.#expiry = new Expiry(this, this.grant.expiresAt);
  }

  /** Ends the subscription: nothing is sent any more. */
  stop(): void {
    this.#isOver = true;
    this.#feed?.end();
    this.#expiry?.cancel();
    this.#fail(new FourDError('ERR_TOPIC_REFUSED', 'the subscription has ended', { componentSignature: 'HTTP' }));
  }

  expire(): void {
    this.#connection.endSubscription(this, 'expired', 'expired', 'the grant has expired');
  }

  // Subscription, as the server's program sees it

  /** Of the last message that was sent. */
  get position(): Position | undefined {
    return this.#position;
  }

  publish(data: Publishable, options?: ServerPublishOptions): Promise<Published> {
    const { host, user } = this.#connection;
    return host.publishAs(user, this.topic, data, options);
  }

  history(range?: HistoryRange): Promise<HistoryPage> {
    return this.#connection.host.history(this.topic, range);
  }

  members(): Promise<Members> {
    return this.#connection.host.members(this.topic);
  }

  unsubscribe(): void {
    this.#connection.endSubscription(this, 'server', 'taken', 'the server has ended the subscription');
  }

  // FeedSink

  get session(): string {
    return this.#connection.session;
  }

  get isReady(): boolean {
    return this.#connection.isReady;
  }

  onceReady(callback: () => void): void {
    this.#connection.onceReady(callback);
  }

  onSubscribed(facts: SubbedFacts): void {
    this.#connection.send(subbedFrame(this.topic, facts));
    const beginning = this.#beginning;
    this.#beginning = undefined;
    beginning?.onBegun(this);
  }

  onEntry(entry: FeedEntry, isReplayed: boolean, isState: boolean): void {
    this.#connection.sendEntry(entry, isState ? 'state' : isReplayed ? 'replayed' : 'live');
    if (!isState && entry.position !== undefined) this.#position = entry.position;
  }

  onLive(position: Position): void {
    this.#connection.send(liveFrame(this.topic, position));
  }

  onGap(reason: GapReason, position: Position): void {
    this.#connection.send(gapFrame(this.topic, position, reason));
  }

  onFailed(code: string, message: string): void {
    this.#fail(new FourDError('ERR_BROKER_DOWN', message, { componentSignature: 'HTTP' }));
    if (code === SLOW_CODE) this.#connection.closeSlow();
    else this.#connection.endSubscription(this, 'failed', code, message);
  }

  #fail(error: FourDError): void {
    const beginning = this.#beginning;
    this.#beginning = undefined;
    beginning?.onFailed(error);
  }
}
