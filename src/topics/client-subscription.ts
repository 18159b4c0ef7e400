import type { TopicsHost } from './client-host.ts';
import type { SubscribeOptions } from './client-types.ts';
import type { FrameSince } from './frames.ts';
import { type Loose, toNumber, toRecords, toText, toTopicMessage } from './frame-data.ts';
import type { Position } from './position.ts';
import type {
  HistoryPage,
  Member,
  Members,
  Publishable,
  Published,
  PublishOptions,
  Subscription,
  TopicHandler,
} from './topic-handler.ts';

/** Callbacks that wait when a subscription drops them, to ask for their messages again later. */
const MOST_WAITING = 1000;

/** What a subscription needs of the topics that it belongs to. */
export interface SubscriptionOwner extends TopicsHost {
  publish(topic: string, data: Publishable, options?: PublishOptions): Promise<Published>;
  history(topic: string, range?: { after?: Position | undefined; limit?: number | undefined }): Promise<HistoryPage>;
  members(topic: string): Promise<Members>;
  /** Ends the subscription at the server. */
  leave(subscription: ClientSubscription): void;
  /** Subscribes at the server, from {@link ClientSubscription.since}. */
  join(subscription: ClientSubscription): void;
}

/** @param position - the place up to which everything is handled when the callback is over */
type Waiting = readonly [name: keyof TopicHandler, event: object, position: Position | undefined];

/** One subscription of a client: its place in the topic, and its callbacks, one after the other. */
export class ClientSubscription implements Subscription {
  readonly topic: string;
  readonly presence: SubscribeOptions['presence'];
  /** Where the server is to begin, and later where the subscription goes on when it is made again; undefined for now. */
  since: FrameSince | undefined;
  /** True when no callback but the last one is to come. */
  isOver = false;
  /** True from the drop of callbacks that wait until their messages are asked for again: frames are ignored. */
  isHeld = false;
  readonly #owner: SubscriptionOwner;
  readonly #handler: TopicHandler;
  #position: Position | undefined;
  /** Where it would go on if the callbacks that wait were dropped; undefined when their messages could not be had again. */
  #begun: Position | undefined;
  #waiting: Waiting[] = [];
  #isBusy = false;
  #replayedCount = 0;

  constructor(owner: SubscriptionOwner, topic: string, handler: TopicHandler, options: SubscribeOptions) {
    const { since, presence } = options;
    this.#owner = owner;
    this.topic = topic;
    this.#handler = handler;
    this.presence = presence;
    this.since = (since as Partial<{ after: Position }> | undefined)?.after ?? (since as FrameSince | undefined);
  }

  get position(): Position | undefined {
    return this.#position;
  }

  publish(data: Publishable, options?: PublishOptions): Promise<Published> {
    return this.#owner.publish(this.topic, data, options);
  }

  history(range?: { after?: Position | undefined; limit?: number | undefined }): Promise<HistoryPage> {
    return this.#owner.history(this.topic, range);
  }

  members(): Promise<Members> {
    return this.#owner.members(this.topic);
  }

  unsubscribe(): void {
    if (this.isOver) return;
    this.#owner.leave(this);
    this.isOver = true;
    this.drop();
    // No callback runs within a call of the user.
    queueMicrotask(() => this.#push('onEnd', { type: 'end', cause: 'local' }));
  }

  /** Drops the callbacks that wait. */
  drop(): void {
    this.#waiting = [];
    this.#owner.onWaiting?.(this, 0);
  }

  /** The last callback follows, behind those that wait. */
  end(cause: string): void {
    this.finish('onEnd', { type: 'end', cause });
  }

  finish(name: 'onEnd' | 'onRefused', event: object): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#push(name, event);
  }

  /** Takes a frame of the server. */
  receive(frame: Loose): void {
    const { t, state, missed, reason, count, join, leave } = frame;
    const pos = toText(frame['pos']);
    if (t === 'm') {
      const isReplayed = frame['r'] === 1;
      this.#replayedCount += Number(isReplayed);
      this.#note('onMessage', { type: 'message', ...toTopicMessage(frame, this.#owner), isReplayed }, pos);
    } else if (t === 'subbed') {
      this.#replayedCount = 0;
      this.#note('onSubscribed', { type: 'subscribed', state, reason, missed: toNumber(missed) }, pos);
      if (state === 'gap') this.#push('onGap', { type: 'gap', reason }, pos);
    } else if (t === 'live') this.#note('onLive', { type: 'live', count: this.#replayedCount }, pos);
    else if (t === 'gap') this.#note('onGap', { type: 'gap', reason }, pos);
    else if (t === 'who') {
      if (!join && !leave) this.#push('onMembers', { type: 'members', count, list: toRecords(frame['list']) });
      for (const member of toRecords(join)) this.#push('onJoin', member);
      for (const member of toRecords(leave)) this.#push('onLeave', member);
    }
  }

  #note(name: keyof TopicHandler, event: object, position: Position | undefined): void {
    this.since = position ?? this.since;
    this.#push(name, event, position);
    if (this.#waiting.length <= MOST_WAITING || !this.#begun) return;
    this.drop();
    this.isHeld = true;
    this.since = this.#begun;
    this.#owner.leave(this);
  }

  #push(name: keyof TopicHandler, event: object, position?: Position): void {
    this.#waiting.push([name, event, position]);
    if (this.#isBusy) this.#owner.onWaiting?.(this, this.#waiting.length);
    else void this.#run();
  }

  async #run(): Promise<void> {
    const host = this.#owner;
    this.#isBusy = true;
    for (let next; (next = this.#waiting.shift());) {
      const [name, event, position] = next;
      this.#begun = position ?? this.#begun;
      try {
        const result = host.call(this.#handler, name, this, event);
        // Awaiting anything else would make the callbacks behind it wait for another turn.
        if (result) await result;
        this.#position = position ?? this.#position;
      } catch (thrown) {
        host.report(name, thrown);
        // The last callback alone is still to come.
        this.#waiting = this.#waiting.filter(([waiting]) => waiting === 'onEnd');
        if (!this.isOver) this.#owner.leave(this);
        this.end('callback');
      }
    }
    this.#isBusy = false;
    host.onWaiting?.(this, 0);
    if (!this.isHeld || this.isOver) return;
    this.isHeld = false;
    this.#owner.join(this);
  }
}

/** Reads the members of a frame. */
export function toMembers({ count, list }: Loose): Members {
  return { count: toNumber(count), list: toRecords(list) as unknown as Member[] };
}
