import type { Buffer } from 'node:buffer';
import { BrokerError, type BrokerSink } from '../topics/broker.ts';
import type { LinkUser } from './kept-link.ts';
import { type Link, toBrokerError } from './link.ts';
import type { Names } from './names.ts';
import { readAnnounced } from './stored-entry.ts';

/** Channels of one command. */
const CHANNELS_PER_COMMAND = 500;

/** What a feed tells. */
export interface FeedListener extends Pick<BrokerSink, 'onEntry' | 'onDoubt'> {
  onFeedState(isUp: boolean): void;
}

/**
 * What one server announces. After each new connection all watched topics are subscribed again; what was announced
 * meanwhile is lost, so their readers are told.
 */
export class Feed implements LinkUser {
  readonly #names: Names;
  readonly #listener: FeedListener;
  readonly #watched = new Set<string>();
  #link: Link | undefined;
  /** True before the first connection: nothing can have been missed. */
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
    const link = this.#link;
    if (link === undefined) throw new BrokerError('down', 'the server is away');
    try {
      await this.#subscribe(link, topics);
    } catch (thrown) {
      throw toBrokerError(thrown);
    }
  }

  unwatch(topics: readonly string[]): void {
    const gone = topics.filter((topic) => this.#watched.delete(topic));
    const link = this.#link;
    if (link === undefined) return;
    for (let i = 0; i < gone.length; i += CHANNELS_PER_COMMAND) {
      const channels = gone.slice(i, i + CHANNELS_PER_COMMAND).map((topic) => this.#names.channel(topic));
      link.unsubscribe(channels, this.#hear).catch(() => {});
    }
  }

  close(): void {
    this.#watched.clear();
    this.#link = undefined;
  }

  // LinkUser

  onUp(link: Link): void {
    this.#link = link;
    this.#listener.onFeedState(true);
    void this.#watchAgain(link);
  }

  onDown(): void {
    this.#link = undefined;
    this.#listener.onFeedState(false);
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

  async #subscribe(link: Link, topics: readonly string[]): Promise<void> {
    const commands: Promise<void>[] = [];
    for (let i = 0; i < topics.length; i += CHANNELS_PER_COMMAND) {
      const channels = topics.slice(i, i + CHANNELS_PER_COMMAND).map((topic) => this.#names.channel(topic));
      commands.push(link.subscribe(channels, this.#hear));
    }
    await Promise.all(commands);
  }

  #onMessage(message: Buffer, channel: Buffer): void {
    const topic = this.#names.topicOf(channel.toString());
    if (!this.#watched.has(topic)) return;
    const announced = readAnnounced(message);
    if (announced !== undefined) this.#listener.onEntry(topic, announced.epoch, announced.entry);
  }
}
