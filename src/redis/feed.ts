import type { Buffer } from 'node:buffer';
import { type Deadline, timers } from '../base/timers.ts';
import { BrokerError, type BrokerSink } from '../topics/broker.ts';
import type { LinkUser } from './kept-link.ts';
import { type Link, ServerRefusal, toBrokerError } from './link.ts';
import { type Names, partitionOf } from './names.ts';
import { readAnnounced } from './stored-entry.ts';

/** Channels of one command. They are of one partition: a cluster takes no others together. */
const CHANNELS_PER_COMMAND = 500;

/** How soon topics are subscribed again that the server has refused, or let go. */
const AGAIN_MS = 200;

/** What a feed tells. The methods never throw. */
export interface FeedListener extends Pick<BrokerSink, 'onEntry' | 'onDoubt'> {
  onFeedState(): void;
  /** The server does not serve a topic of this feed any more, or not yet. */
  onMoved(): void;
}

/**
 * What one server announces. After each new connection all watched topics are subscribed again; what was announced
 * meanwhile is lost, so their readers are told.
 */
export class Feed implements LinkUser, Deadline {
  readonly #names: Names;
  readonly #listener: FeedListener;
  readonly #watched = new Set<string>();
  /** Watched topics that the server does not announce. */
  readonly #unheard = new Set<string>();
  #link: Link | undefined;
  #ticket: number | undefined;
  /** True before the first connection, unless topics come from another server: nothing can have been missed. */
  #isFirst = true;
  readonly #hear = (message: Buffer, channel: Buffer): void => this.#onMessage(message, channel);

  constructor(names: Names, listener: FeedListener) {
    this.#names = names;
    this.#listener = listener;
  }

  get isUp(): boolean {
    return this.#link !== undefined;
  }

  /** @throws BrokerError when the connection is not there, or is lost meanwhile; the topics are watched when it is back */
  async watch(topics: readonly string[]): Promise<void> {
    for (const topic of topics) this.#watched.add(topic);
    if (this.#link === undefined) throw new BrokerError('down', 'the server is away');
    try {
      const refused = await this.#subscribe(this.#link, topics);
      if (refused.length > 0) throw new BrokerError('down', 'the server does not serve the topic at the moment');
    } catch (thrown) {
      throw toBrokerError(thrown);
    }
  }

  unwatch(topics: readonly string[]): void {
    this.#unsubscribe(topics.filter((topic) => this.#watched.delete(topic)));
  }

  /** Gives up the topics of some partitions, which another server has now. */
  release(isMoved: (partition: number) => boolean): string[] {
    const moved = [...this.#watched].filter((topic) => isMoved(partitionOf(topic)));
    this.unwatch(moved);
    return moved;
  }

  /** Takes topics that another server had: subscribes until that succeeds, then their readers are told. */
  adopt(topics: readonly string[]): void {
    // A new server that is not connected yet: what the other one would have announced until then is missed.
    this.#isFirst = false;
    for (const topic of topics) {
      this.#watched.add(topic);
      this.#unheard.add(topic);
    }
    void this.#subscribeUnheard();
  }

  close(): void {
    if (this.#ticket !== undefined) timers.cancel(this, this.#ticket);
    this.#watched.clear();
    this.#unheard.clear();
    this.#link = undefined;
  }

  // LinkUser

  onUp(link: Link): void {
    this.#link = link;
    link.onChannelMoved((channel) => {
      this.#unheard.add(this.#names.topicOf(channel));
      this.#subscribeLater();
      this.#listener.onMoved();
    });
    this.#listener.onFeedState();
    void this.#watchAgain(link);
  }

  onDown(): void {
    this.#link = undefined;
    this.#listener.onFeedState();
  }

  // Deadline

  onDeadline(): void {
    this.#ticket = undefined;
    void this.#subscribeUnheard();
  }

  async #watchAgain(link: Link): Promise<void> {
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    try {
      await this.#subscribe(link, [...this.#watched]);
    } catch {
      // The connection is lost: the next one begins anew.
      return;
    }
    if (!isFirst) this.#listener.onDoubt('all');
  }

  async #subscribeUnheard(): Promise<void> {
    const topics = [...this.#unheard].filter((topic) => this.#watched.has(topic));
    this.#unheard.clear();
    if (this.#link === undefined || topics.length === 0) return;
    try {
      const refused = new Set(await this.#subscribe(this.#link, topics));
      this.#listener.onDoubt(topics.filter((topic) => !refused.has(topic)));
    } catch {
      // The connection is lost: the next one begins anew.
    }
  }

  #subscribeLater(): void {
    this.#ticket ??= timers.schedule(this, AGAIN_MS);
  }

  /** Resolves to the topics that the server does not serve, which are tried again. Rejects when the connection is lost. */
  async #subscribe(link: Link, topics: readonly string[]): Promise<string[]> {
    const refused: string[] = [];
    await Promise.all(
      this.#inParts(topics).map(async (part) => {
        try {
          await link.subscribe(this.#channelsOf(part), this.#hear);
        } catch (thrown) {
          if (!(thrown instanceof ServerRefusal) || thrown.isLasting) throw thrown;
          refused.push(...part);
        }
      }),
    );
    if (refused.length === 0) return refused;
    for (const topic of refused) this.#unheard.add(topic);
    this.#subscribeLater();
    this.#listener.onMoved();
    return refused;
  }

  #unsubscribe(topics: readonly string[]): void {
    for (const part of this.#inParts(topics)) {
      this.#link?.unsubscribe(this.#channelsOf(part), this.#hear).catch(() => {});
    }
  }

  #inParts(topics: readonly string[]): string[][] {
    const byPartition = new Map<number, string[]>();
    const parts: string[][] = [];
    for (const topic of topics) {
      const partition = partitionOf(topic);
      let part = byPartition.get(partition);
      if (part === undefined || part.length === CHANNELS_PER_COMMAND) {
        part = [];
        byPartition.set(partition, part);
        parts.push(part);
      }
      part.push(topic);
    }
    return parts;
  }

  #channelsOf(topics: readonly string[]): string[] {
    return topics.map((topic) => this.#names.channel(topic));
  }

  #onMessage(message: Buffer, channel: Buffer): void {
    const topic = this.#names.topicOf(channel.toString());
    if (!this.#watched.has(topic)) return;
    const announced = readAnnounced(message);
    if (announced !== undefined) this.#listener.onEntry(topic, announced.epoch, announced.entry);
  }
}
