import { setImmediate } from '../base/clock.ts';
import { Queue } from '../base/queue.ts';
import { callbackFailed } from '../errors.ts';
import { callHandler, hasSomeCallback } from '../session/call-handler.ts';
import type { Feed, FeedEntry, FeedSink, MembersNews } from '../topics/feed.ts';
import type { Position } from '../topics/position.ts';
import type {
  GapReason,
  HistoryPage,
  Members,
  Publishable,
  Published,
  Since,
  Subscription,
  SubscriptionEndCause,
} from '../topics/topic-handler.ts';
import { toTopicMessage } from '../topics/topic-messages.ts';
import { reportError } from '../workers/error-handling.ts';
import { MembersFeed, type MembersListener } from './members-feed.ts';
import { callUser } from './topic-call.ts';
import type { HistoryRange } from './topic-events.ts';
import type { TopicHost } from './topic-host.ts';
import type { ServerPublishOptions } from './topic-publishing.ts';

/** A callback that is to run. */
interface Call {
  readonly name: string;
  readonly event: () => object;
  /** Runs when the callback is over, and has not failed. */
  readonly after?: () => void;
}

/** Who has one of these watches the members. */
const MEMBER_CALLBACKS: readonly string[] = ['onMembers', 'onJoin', 'onLeave'];

/** Callbacks that may wait before the subscription falls behind. */
const MAX_WAITING = 64;

/** A subscription of the server's own program. Its callbacks never overlap, and none runs within the call that makes it. */
export class ProgramSubscription implements FeedSink, Subscription, MembersListener {
  readonly topic: string;
  readonly session: undefined;
  readonly #host: TopicHost;
  readonly #handler: object;
  readonly #onOver: (subscription: ProgramSubscription) => void;
  readonly #calls = new Queue<Call>();
  #feed: Feed | undefined;
  #position: Position | undefined;
  #readyListeners: (() => void)[] = [];
  #isBusy = true;
  #isPumping = false;
  #isOver = false;

  #members: MembersFeed | undefined;

  /** @param onOver - called once when the subscription is over */
  constructor(host: TopicHost, topic: string, handler: object, onOver: (subscription: ProgramSubscription) => void) {
    this.#host = host;
    this.topic = topic;
    this.#handler = handler;
    this.#onOver = onOver;
  }

  start(since: Since): void {
    setImmediate(() => {
      this.#isBusy = false;
      this.#pump();
    });
    this.#feed = this.#host.port.subscribe(this.topic, since, this);
    if (this.#isOver) this.#feed.end();
  }

  get position(): Position | undefined {
    return this.#position;
  }

  publish(data: Publishable, options?: ServerPublishOptions): Promise<Published> {
    return this.#host.publishAs(undefined, this.topic, data, options);
  }

  history(range?: HistoryRange): Promise<HistoryPage> {
    return this.#host.history(this.topic, range);
  }

  members(): Promise<Members> {
    return this.#host.members(this.topic);
  }

  unsubscribe(): void {
    this.end('local');
  }

  /** Ends the subscription: nothing is delivered any more but onEnd. */
  end(cause: SubscriptionEndCause): void {
    if (!this.#finish()) return;
    this.#push({ name: 'onEnd', event: () => ({ type: 'end', cause }) });
  }

  // FeedSink

  get isReady(): boolean {
    return this.#calls.length < MAX_WAITING;
  }

  onceReady(callback: () => void): void {
    if (this.isReady || this.#isOver) callback();
    else this.#readyListeners.push(callback);
  }

  onSubscribed({ state, reason, missed }: Parameters<FeedSink['onSubscribed']>[0]): void {
    this.#push({
      name: 'onSubscribed',
      event: () => ({ type: 'subscribed', state, ...(reason && { reason }), missed }),
    });
    if (state === 'gap') this.onGap(reason as GapReason);
    // A getter of the handler is the user's code.
    const isWatching = this.#host.scope.run(() => hasSomeCallback(this.#handler, MEMBER_CALLBACKS));
    if (!isWatching || this.#isOver) return;
    this.#members = new MembersFeed(this);
    this.#members.start(this.#host.port.presence, this.topic);
  }

  onEntry(entry: FeedEntry, isReplayed: boolean, isState: boolean): void {
    this.#push({
      name: 'onMessage',
      event: () => ({ type: 'message', ...toTopicMessage(entry, isState), isReplayed }),
      after: () => {
        if (!isState) this.#position = entry.position ?? this.#position;
      },
    });
  }

  onLive(_position: Position, count: number): void {
    this.#push({ name: 'onLive', event: () => ({ type: 'live', count }) });
  }

  onGap(reason: GapReason): void {
    this.#push({ name: 'onGap', event: () => ({ type: 'gap', reason }) });
  }

  onFailed(code: string, message: string): void {
    if (!this.#finish()) return;
    this.#push({ name: 'onRefused', event: () => ({ type: 'refused', code, message }) });
  }

  // MembersListener

  onMembersNews({ count, list, join, leave }: MembersNews): void {
    if (join === undefined && leave === undefined) {
      this.#push({ name: 'onMembers', event: () => ({ type: 'members', count, list: list ?? [] }) });
    }
    for (const member of join ?? []) this.#push({ name: 'onJoin', event: () => member });
    for (const member of leave ?? []) this.#push({ name: 'onLeave', event: () => member });
  }

  #finish(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#feed?.end();
    this.#members?.stop();
    while (this.#calls.shift() !== undefined);
    this.#tellReady();
    this.#onOver(this);
    return true;
  }

  #push(call: Call): void {
    this.#calls.push(call);
    this.#pump();
  }

  /** Runs the callbacks that wait, in a loop: a thousand of them must not need a thousand stack frames. */
  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    while (!this.#isBusy) {
      const call = this.#calls.shift();
      if (call === undefined) break;
      this.#run(call);
    }
    this.#isPumping = false;
    if (this.#calls.length === 0) this.#tellReady();
  }

  #run({ name, event, after }: Call): void {
    this.#isBusy = true;
    const run = (): unknown => callHandler(this.#handler, name, this, Object.freeze(event()));
    callUser(this.#host.scope, run, (outcome) => {
      this.#isBusy = false;
      if ('thrown' in outcome) {
        this.end('callback');
        reportError(
          callbackFailed(`${name} of the subscription to ${this.topic}`, outcome.thrown),
          this.#host.scope.worker,
        );
      } else after?.();
      this.#pump();
    });
  }

  #tellReady(): void {
    const listeners = this.#readyListeners;
    this.#readyListeners = [];
    for (const listener of listeners) listener();
  }
}
