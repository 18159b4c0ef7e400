import type { MemoryTopic } from './memory-topic.ts';

/** The topics in the order of their last entries, linked with each other, so that a move costs the same at any length. */
export class TopicList {
  #oldest: MemoryTopic | undefined;
  #newest: MemoryTopic | undefined;

  /** The topic that has been idle for longest. */
  get oldest(): MemoryTopic | undefined {
    return this.#oldest;
  }

  add(topic: MemoryTopic): void {
    topic.older = this.#newest;
    topic.newer = undefined;
    if (this.#newest === undefined) this.#oldest = topic;
    else this.#newest.newer = topic;
    this.#newest = topic;
  }

  remove(topic: MemoryTopic): void {
    if (topic.older === undefined) this.#oldest = topic.newer;
    else topic.older.newer = topic.newer;
    if (topic.newer === undefined) this.#newest = topic.older;
    else topic.newer.older = topic.older;
    topic.older = undefined;
    topic.newer = undefined;
  }

  /** Puts a topic at the newest end. */
  renew(topic: MemoryTopic): void {
    if (topic === this.#newest) return;
    this.remove(topic);
    this.add(topic);
  }
}
