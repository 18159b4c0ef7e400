import type { MembersNews, MembersSink, MembersWatch, PresencePort } from '../topics/feed.ts';

/** Who hears of members: a connection, or a handler of the program. */
export interface MembersListener {
  /** False while too much waits. */
  readonly isReady: boolean;
  /** Calls back once when {@link isReady} is true again, or the listener is over. */
  onceReady(callback: () => void): void;
  onMembersNews(news: MembersNews): void;
}

/**
 * The members of a topic for one listener. A listener that does not keep up misses changes, and gets the members as they
 * are when it does again: nothing waits in memory for it.
 */
export class MembersFeed implements MembersSink {
  readonly #listener: MembersListener;
  #watch: MembersWatch | undefined;
  #isBehind = false;
  #isOver = false;

  constructor(listener: MembersListener) {
    this.#listener = listener;
  }

  start(presence: PresencePort, topic: string): void {
    this.#watch = presence.watch(topic, this);
  }

  stop(): void {
    this.#isOver = true;
    this.#watch?.end();
  }

  onMembers(news: MembersNews): void {
    if (this.#isOver || this.#isBehind) return;
    if (this.#listener.isReady) this.#listener.onMembersNews(news);
    else this.#wait();
  }

  #wait(): void {
    this.#isBehind = true;
    this.#listener.onceReady(() => {
      this.#isBehind = false;
      if (!this.#isOver && this.#watch !== undefined) this.onMembers(this.#watch.list);
    });
  }
}
