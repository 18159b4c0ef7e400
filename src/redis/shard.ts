import { Feed, type FeedListener } from './feed.ts';
import { KeptLink } from './kept-link.ts';
import type { Link } from './link.ts';
import type { Names } from './names.ts';

/** Who uses a server. The methods never throw. */
export interface ShardListener extends FeedListener {
  /** The connection for appends is lost. */
  onAppendsLost(shard: Shard): void;
}

/**
 * The three connections to one server, so that no append waits for a long answer, and no answer for what is announced: one
 * for appends, one for questions, one for announcements.
 */
export class Shard {
  readonly feed: Feed;
  readonly #appends: KeptLink;
  readonly #reads: KeptLink;
  readonly #feedLink: KeptLink;

  constructor(connect: () => Promise<Link>, names: Names, listener: ShardListener) {
    const onChange = (): void => listener.onFeedState();
    this.#appends = new KeptLink(connect, {
      onUp: onChange,
      onDown: () => {
        listener.onAppendsLost(this);
        listener.onFeedState();
      },
    });
    this.#reads = new KeptLink(connect, { onUp: onChange, onDown: onChange });
    this.feed = new Feed(names, listener);
    this.#feedLink = new KeptLink(connect, this.feed);
  }

  /** The connection for appends, while it is there. */
  get appends(): Link | undefined {
    return this.#appends.link;
  }

  /** The connection for questions, while it is there. */
  get reads(): Link | undefined {
    return this.#reads.link;
  }

  get isUp(): boolean {
    return this.appends !== undefined && this.reads !== undefined && this.feed.isUp;
  }

  /** Connects for the first time; rejects when that fails. */
  async open(): Promise<void> {
    await this.#appends.open();
    await Promise.all([this.#reads.open(), this.#feedLink.open()]);
  }

  /** Connects, and goes on until that succeeds. */
  start(): void {
    for (const kept of this.#links) kept.start();
  }

  /** Makes all connections anew: the server at their end is the wrong one by now. */
  renew(reason: string): void {
    for (const kept of this.#links) kept.renew(reason);
  }

  close(): void {
    for (const kept of this.#links) kept.close();
    this.feed.close();
  }

  get #links(): KeptLink[] {
    return [this.#appends, this.#reads, this.#feedLink];
  }
}
