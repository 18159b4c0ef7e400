import type { TopicsHost } from './client-host.ts';
import type { SubscribeOptions } from './client-types.ts';
import type { FrameSince } from './frames.ts';
import { isRecord, type Loose, toText, toTopicMessage } from './frame-data.ts';
import type { Position } from './position.ts';
import type {
  GapReason,
  HistoryPage,
  Member,
  Members,
  Publishable,
  Published,
  PublishOptions,
  Subscription,
  SubscriptionEndCause,
  TopicHandler,
} from './topic-handler.ts';

/** Callbacks that wait when a subscription drops them, to ask for their messages again later. */
const MOST_WAITING = 1000;

/** What a subscription needs of the topics that it belongs to. */
export interface SubscriptionOwner {
  readonly host: TopicsHost;
  publish(topic: string, data: Publishable, options?: PublishOptions): Promise<Published>;
  history(topic: string, range?: { after?: Position | undefined; limit?: number | undefined }): Promise<HistoryPage>;
  members(topic: string): Promise<Members>;
  /** Ends the subscription at the server. */
  leave(subscription: ClientSubscription): void;
  /** Subscribes at the server, from {@link ClientSubscription.frameSince}. */
  join(subscription: ClientSubscription): void;
  /** More callbacks wait than may, or none any more. */
  setFull(subscription: ClientSubscription, isFull: boolean): void;
}

type CallbackName = keyof TopicHandler;

/** @param position - the place up to which everything is handled when the callback is over */
type Waiting = readonly [name: CallbackName, event: object, position: Position | undefined];

/** One subscription of a client: its place in the topic, and its callbacks, one after the other. */
export class ClientSubscription implements Subscription {
  readonly topic: string;
  readonly presence: SubscribeOptions['presence'];
  /** True when no callback but the last one is to come. */
  isOver = false;
  /** True from the drop of callbacks that wait until their messages are asked for again: frames are ignored. */
  isHeld = false;
  readonly #owner: SubscriptionOwner;
  readonly #handler: TopicHandler;
  /** Where the subscription goes on when it is made again. */
  #since: FrameSince | undefined;
  /** Where it would go on if the callbacks that wait were dropped; undefined when their messages could not be had again. */
  #begunSince: FrameSince | undefined;
  #waiting: Waiting[] = [];
  #isBusy = false;
  #isFull = false;
  #replayedCount = 0;
  #position: Position | undefined;

  constructor(owner: SubscriptionOwner, topic: string, handler: TopicHandler, options: SubscribeOptions) {
    const { since = 'now', presence } = options;
    this.#owner = owner;
    this.topic = topic;
    this.#handler = handler;
    this.presence = presence;
    const frameSince = typeof since === 'object' && 'after' in since ? since.after : since;
    if (frameSince !== 'now') this.#since = frameSince;
  }

  get position(): Position | undefined {
    return this.#position;
  }

  /** Where the server is to begin; undefined for now. */
  get frameSince(): FrameSince | undefined {
    return this.#since;
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
    this.#drop();
    // No callback runs within a call of the user.
    queueMicrotask(() => this.#push('onEnd', { type: 'end', cause: 'local' }));
  }

  /** Drops the callbacks that wait. */
  mute(): void {
    this.#drop();
  }

  /** The last callback follows: behind those that wait when the connection is over, at once otherwise. */
  finish(name: 'onEnd' | 'onRefused', event: object, dropsWaiting = true): void {
    if (this.isOver) return;
    this.isOver = true;
    if (dropsWaiting) this.#drop();
    this.#push(name, event);
  }

  end(cause: SubscriptionEndCause, dropsWaiting?: boolean): void {
    this.finish('onEnd', { type: 'end', cause }, dropsWaiting);
  }

  // What comes from the server

  onSubscribed(frame: Loose): void {
    const { state, missed } = frame;
    const count = typeof missed === 'number' ? missed : 0;
    // The position of a new subscription that gets older messages is behind them.
    const position = state === 'new' && count > 0 ? undefined : toText(frame['pos']);
    this.#replayedCount = 0;
    const event = {
      type: 'subscribed',
      state: state === 'recovered' || state === 'gap' ? state : 'new',
      missed: count,
    };
    this.#receive('onSubscribed', event, position);
  }

  onMessage(frame: Loose): void {
    const isReplayed = frame['r'] === 1;
    if (isReplayed) this.#replayedCount++;
    const message = toTopicMessage(frame, this.#owner.host);
    this.#receive('onMessage', { type: 'message', ...message, isReplayed }, message.position);
  }

  onLive(frame: Loose): void {
    this.#receive('onLive', { type: 'live', count: this.#replayedCount }, toText(frame['pos']));
  }

  onGap(frame: Loose): void {
    this.#receive('onGap', { type: 'gap', reason: toText(frame['reason']) as GapReason }, toText(frame['pos']));
  }

  onMembers(frame: Loose): void {
    const { join, leave } = frame;
    if (join === undefined && leave === undefined) this.#push('onMembers', { type: 'members', ...toMembers(frame) });
    for (const member of toList(join)) this.#push('onJoin', member);
    for (const member of toList(leave)) this.#push('onLeave', member);
  }

  #receive(name: CallbackName, event: object, position: Position | undefined): void {
    if (position !== undefined) this.#since = position;
    this.#push(name, event, position);
    if (this.#waiting.length <= MOST_WAITING || this.#begunSince === undefined) return;
    this.#drop();
    this.isHeld = true;
    this.#since = this.#begunSince;
    this.#owner.leave(this);
  }

  #drop(): void {
    this.#waiting = [];
    this.#setFull(false);
  }

  #push(name: CallbackName, event: object, position?: Position): void {
    this.#waiting.push([name, event, position]);
    if (!this.#isBusy) void this.#run();
    else if (this.#waiting.length > this.#owner.host.maxWaiting) this.#setFull(true);
  }

  #setFull(isFull: boolean): void {
    if (this.#isFull === isFull) return;
    this.#isFull = isFull;
    this.#owner.setFull(this, isFull);
  }

  async #run(): Promise<void> {
    const { host } = this.#owner;
    this.#isBusy = true;
    for (let next; (next = this.#waiting.shift()) !== undefined;) {
      const [name, event, position] = next;
      if (position !== undefined) this.#begunSince = position;
      try {
        const result = host.call(this.#handler, name, this, event);
        // Awaiting anything else would make the callbacks behind it wait for another turn.
        if (result !== undefined) await result;
        if (position !== undefined) this.#position = position;
      } catch (thrown) {
        this.#onFailed(name, thrown);
      }
    }
    this.#isBusy = false;
    this.#setFull(false);
    if (!this.isHeld || this.isOver) return;
    this.isHeld = false;
    this.#owner.join(this);
  }

  #onFailed(name: CallbackName, thrown: unknown): void {
    this.#owner.host.report(name, thrown);
    if (this.isOver) {
      // The last callback alone is still to come.
      this.#waiting = this.#waiting.filter(([waiting]) => waiting === 'onEnd');
      return;
    }
    this.#owner.leave(this);
    this.end('callback');
  }
}

/** Reads the members of a frame. */
export function toMembers({ count, list }: Loose): Members {
  return { count: typeof count === 'number' ? count : 0, list: toList(list) };
}

function toList(value: unknown): Member[] {
  return Array.isArray(value) ? (value.filter(isRecord) as unknown as Member[]) : [];
}
