import { FourDError } from '../errors.ts';
import type { Feed, FeedEntry, FeedSink, MembersNews } from '../topics/feed.ts';
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
import { isUserEnd, ME, userTopic } from '../topics/user-topic.ts';
import { type Expirable, Expiry } from './expiry.ts';
import { MembersFeed, type MembersListener } from './members-feed.ts';
import type { HistoryRange, Presence, UnsubscribeCause } from './topic-events.ts';
import type { Grant } from './topic-grant.ts';
import type { TopicHost } from './topic-host.ts';
import type { ServerPublishOptions } from './topic-publishing.ts';

/** Why the core ends a subscription that does not keep up, with `onSlow: 'close'`. */
const SLOW_CODE = 'slow';

/** The connection of a subscription. */
export interface SubscribedConnection {
  readonly host: TopicHost;
  readonly session: string;
  readonly isFramed: boolean;
  readonly user: string | undefined;
  readonly isReady: boolean;
  onceReady(callback: () => void): void;
  send(frame: string): void;
  sendEntry(entry: FeedEntry, form: 'live' | 'replayed' | 'state'): void;
  sendMembers(news: MembersNews): void;
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

/** What a connection subscribes to, and how. */
export interface SubscriptionPlan {
  /** As the client names it. */
  readonly topic: string;
  readonly since: Since;
  /** Undefined for a subscription that the server's program makes. */
  readonly grant: Grant | undefined;
  readonly presence: Presence;
  /** Whether the client has asked for it. */
  readonly isAsked: boolean;
}

/** What only some subscriptions have. */
interface Extras {
  /** Whether the client may ask who is there. */
  isWatching?: boolean;
  /** Whether the client has not asked for it. */
  isUnasked?: boolean;
  /** What the server's program has asked for. */
  presence?: Presence;
  expiry?: Expiry;
  members?: MembersFeed;
  /** Takes back what shows the session as a member. */
  hide?: (isAtOnce: boolean) => void;
}

/** A subscription of a connection: whatever it delivers becomes frames. */
export class ConnectionSubscription implements FeedSink, Subscription, Expirable, MembersListener {
  readonly topic: string;
  /** Undefined for a subscription that the server's program has made. */
  readonly grant: Grant | undefined;
  readonly #connection: SubscribedConnection;
  #feed: Feed | undefined;
  #position: Position | undefined;
  /** What only the beginning needs. */
  #start: { readonly plan: SubscriptionPlan; beginning: Beginning | undefined } | undefined;
  /** What most subscriptions do not have: a server has hundreds of thousands of them. */
  #extras: Extras | undefined;

  constructor(connection: SubscribedConnection, plan: SubscriptionPlan) {
    const { topic, grant, presence, isAsked } = plan;
    this.#connection = connection;
    this.topic = topic;
    this.grant = grant;
    if (grant?.presence.watch ?? presence.watch) this.#more.isWatching = true;
    if (!isAsked) this.#more.isUnasked = true;
    if (grant === undefined && (presence.show || presence.watch)) this.#more.presence = presence;
    this.#start = { plan, beginning: undefined };
  }

  /** Whether the client has asked for it, so that it has to hear of a new beginning. */
  get isAsked(): boolean {
    return this.#extras?.isUnasked !== true;
  }

  /** Of a subscription that the server's program has made. */
  get presence(): Presence | undefined {
    return this.#extras?.presence;
  }

  /** Whether the client may ask who is there. */
  get isWatching(): boolean {
    return this.#extras?.isWatching === true;
  }

  /** Whether everything has been sent that there is for the client. */
  get isUpToDate(): boolean {
    return this.#feed?.isUpToDate !== false;
  }

  start(beginning?: Beginning): void {
    if (this.#start === undefined) return;
    const { topic, since } = this.#start.plan;
    const { host, user } = this.#connection;
    this.#start.beginning = beginning;
    this.#feed = host.port.subscribe(topic === ME && user !== undefined ? userTopic(user) : topic, since, this);
    if (this.grant?.expiresAt !== undefined) this.#more.expiry = new Expiry(this, this.grant.expiresAt);
  }

  /**
   * Ends the subscription: nothing is sent any more.
   *
   * @param hasLeft - whether the client does not come back to it: then it is no member any more at once
   */
  stop(hasLeft = false): void {
    this.#feed?.end();
    this.#extras?.expiry?.cancel();
    this.#extras?.members?.stop();
    this.#extras?.hide?.(hasLeft);
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
    const start = this.#start;
    this.#connection.send(subbedFrame(this.topic, facts, start?.plan.isAsked !== false));
    this.#start = undefined;
    if (start === undefined) return;
    this.#startPresence(start.plan.presence);
    start.beginning?.onBegun(this);
  }

  onEntry(entry: FeedEntry, isReplayed: boolean, isState: boolean): void {
    // What ends sessions of the user is the library's own.
    if (this.topic === ME && isUserEnd(entry)) return;
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

  // MembersListener

  onMembersNews(news: MembersNews): void {
    this.#connection.sendMembers(news);
  }

  #startPresence({ show, watch, info }: Presence): void {
    const { host, user, isFramed } = this.#connection;
    const { presence } = host.port;
    if (show) this.#more.hide = presence.show(this.topic, this.session, { user, info });
    if (!watch || !isFramed) return;
    const members = new MembersFeed(this);
    this.#more.members = members;
    members.start(presence, this.topic);
  }

  get #more(): Extras {
    this.#extras ??= {};
    return this.#extras;
  }

  #fail(error: FourDError): void {
    const beginning = this.#start?.beginning;
    this.#start = undefined;
    beginning?.onFailed(error);
  }
}
