import type { TopicsHost } from './client-host.ts';
import type { SubscribeOptions } from './client-types.ts';
import type { FrameSince } from './frames.ts';
import type { CallFrame } from './client-calls.ts';
import { type Loose, toMembers, toRecords, toTopicMessage } from './frame-data.ts';
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

/** Callbacks that wait when a subscription drops them, to ask for their messages again later. */
const MOST_WAITING = 1000;

/** What a subscription needs of the topics that it belongs to. */
export interface SubscriptionOwner extends TopicsHost {
  publish(topic: string, data: Publishable, options?: PublishOptions): Promise<Published>;
  /** Asks the server. @param read - reads the answer */
  ask<T>(frame: CallFrame, read: (answer: Loose) => T): Promise<T>;
  /** Ends the subscription at the server. */
  leave(subscription: ClientSubscription): void;
  /** Subscribes at the server, from {@link ClientSubscription.since}. */
  join(subscription: ClientSubscription): void;
}

/** @param position - the place up to which everything is handled when the callback is over */
type Waiting = readonly [name: keyof TopicHandler, event: object, position: Position | undefined];

/** One subscription of a client: its place in the topic, and its callbacks, one after the other. */
export class ClientSubscription implements Subscription {
  // A page loads no code for fields that are declared only.
  declare readonly topic: string;
  declare position: Position | undefined;
  declare readonly presence: SubscribeOptions['presence'];
  /** Where the server is to begin, and later where the subscription goes on when it is made again; undefined at first. */
  declare since: FrameSince | undefined;
  /**
   * `held`: from the drop of callbacks that wait until their messages are asked for again, frames are ignored.
   * `over`: no callback but the last one is to come.
   */
  state: 'on' | 'held' | 'over' = 'on';
  readonly #owner: SubscriptionOwner;
  readonly #handler: TopicHandler;
  /** Where it would go on if the callbacks that wait were dropped; undefined when their messages could not be had again. */
  #begun: Position | undefined;
  #waiting: Waiting[] = [];
  #isBusy = false;
  #replayedCount = 0;

  constructor(
    owner: SubscriptionOwner,
    topic: string,
    handler: TopicHandler,
    { since, presence }: SubscribeOptions = {},
  ) {
    this.#owner = owner;
    this.topic = topic;
    this.#handler = handler;
    this.presence = presence;
    this.since = (since as Partial<{ after: Position }> | undefined)?.after ?? (since as FrameSince | undefined);
  }

  publish(data: Publishable, options?: PublishOptions): Promise<Published> {
    return this.#owner.publish(this.topic, data, options);
  }

  history(range?: { after?: Position | undefined; limit?: number | undefined }): Promise<HistoryPage> {
    return this.#owner.ask({ ...range, t: 'hist', topic: this.topic }, ({ msgs, more }) => ({
      messages: toRecords(msgs).map((frame) => toTopicMessage(frame, this.#owner)),
      hasMore: !!more,
    }));
  }

  members(): Promise<Members> {
    return this.#owner.ask({ t: 'who', topic: this.topic }, toMembers);
  }

  unsubscribe(): void {
    if (this.state === 'over') return;
    this.state = 'over';
    this.#owner.leave(this);
    this.drop();
    // No callback runs within a call of the user.
    queueMicrotask(() => this.#push('onEnd', { type: 'end', cause: 'local' }));
  }

  /** Drops the callbacks that wait. */
  drop(): void {
    this.#waiting = [];
    this.#owner.onWaiting?.(this, 0);
  }

  // The last callback follows, behind those that wait.

  end(cause: string): void {
    this.#finish('onEnd', { type: 'end', cause });
  }

  refuse(code: string, message: string): void {
    this.#finish('onRefused', { type: 'refused', code, message });
  }

  #finish(name: 'onEnd' | 'onRefused', event: object): void {
    if (this.state === 'over') return;
    this.state = 'over';
    this.#push(name, event);
  }

  /** Takes a frame of the server. */
  receive(frame: Loose): void {
    const { t, r, state, missed = 0, reason, join, leave } = frame;
    if (t === 'm') {
      if (r) this.#replayedCount++;
      this.#note(frame, 'onMessage', { type: 'message', ...toTopicMessage(frame, this.#owner), isReplayed: !!r });
    } else if (t === 'subbed') {
      this.#replayedCount = 0;
      this.#note(frame, 'onSubscribed', { type: 'subscribed', state, reason, missed });
    } else if (t === 'live') this.#note(frame, 'onLive', { type: t, count: this.#replayedCount });
    else if (t === 'who') {
      if (!join && !leave) this.#push('onMembers', { type: 'members', ...toMembers(frame) });
      for (const member of toRecords(join)) this.#push('onJoin', member);
      for (const member of toRecords(leave)) this.#push('onLeave', member);
    }
    // Behind onSubscribed too.
    if (t === 'gap' || state === 'gap') this.#note(frame, 'onGap', { type: 'gap', reason });
  }

  #note({ pos: position }: Loose, name: keyof TopicHandler, event: object): void {
    this.since = position ?? this.since;
    this.#push(name, event, position);
    if (this.#waiting.length <= MOST_WAITING || !this.#begun) return;
    this.drop();
    this.state = 'held';
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
        if (result?.then) await result;
        this.position = position ?? this.position;
      } catch (thrown) {
        host.report(name, thrown);
        // The last callback alone is still to come.
        this.#waiting = this.#waiting.filter(([waiting]) => waiting === 'onEnd');
        this.end('callback');
        host.leave(this);
      }
    }
    this.#isBusy = false;
    this.drop();
    if (this.state !== 'held') return;
    this.state = 'on';
    host.join(this);
  }
}
