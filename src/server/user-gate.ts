import { type Deadline, timers } from '../base/timers.ts';
import type { Feed, FeedEntry, FeedSink, TopicsPort } from '../topics/feed.ts';
import { readUserEnd, type UserEnd, userTopic } from '../topics/user-topic.ts';

/** How soon the topic of a user that could not be read is read again. */
const RETRY_MS = 1000;

/** The connection of a user. */
export interface GateOwner {
  readonly session: string;
  /** The topic was read, and nothing ends the session: the client may be heard and served. */
  onGateOpen(): void;
  /** The session was ended by `endUser`. */
  onUserEnded(code: number, reason: string): void;
  /** Whether the session was ended cannot be found out. */
  onGateFailed(): void;
  /** A message to the user, while the gate is open. */
  onUserMessage(entry: FeedEntry): void;
}

/**
 * Follows the topic of a connection's user, for as long as the connection lives: it ends with `endUser`, and nothing is
 * taken from the client or delivered to it before the topic was read.
 *
 * @remarks The topic is watched first and read then, with a question of its own: whatever was stored before the connection
 * opened is in the answer, so no reconnection is faster than `endUser`.
 */
export class UserGate implements FeedSink, Deadline {
  readonly isReady: boolean = true;
  isOpen = false;
  readonly #port: TopicsPort;
  readonly #owner: GateOwner;
  readonly #topic: string;
  readonly #authenticatedAt: number | undefined;
  #feed: Feed | undefined;
  #isOver = false;
  #ticket: number | undefined;

  constructor(port: TopicsPort, owner: GateOwner, user: string, authenticatedAt: number | undefined) {
    this.#port = port;
    this.#owner = owner;
    this.#topic = userTopic(user);
    this.#authenticatedAt = authenticatedAt;
  }

  start(): void {
    this.#feed = this.#port.subscribe(this.#topic, 'now', this);
  }

  stop(): void {
    this.#isOver = true;
    this.#feed?.end();
    if (this.#ticket !== undefined) timers.cancel(this, this.#ticket);
  }

  // FeedSink

  get session(): string {
    return this.#owner.session;
  }

  onceReady(callback: () => void): void {
    callback();
  }

  onSubscribed(): void {
    void this.#read();
  }

  onEntry(entry: FeedEntry): void {
    const end = readUserEnd(entry);
    if (end !== undefined) this.#check(end);
    else if (this.isOpen) this.#owner.onUserMessage(entry);
  }

  onLive(): void {}

  /** An end may be among what is missing. */
  onGap(): void {
    void this.#read();
  }

  onFailed(): void {
    if (!this.#isOver) this.#owner.onGateFailed();
  }

  // Deadline

  onDeadline(): void {
    this.#ticket = undefined;
    void this.#read();
  }

  async #read(): Promise<void> {
    let state: readonly FeedEntry[];
    try {
      state = await this.#port.state(this.#topic);
    } catch {
      if (this.#isOver) return;
      if (this.isOpen) this.#ticket ??= timers.schedule(this, RETRY_MS);
      else this.#owner.onGateFailed();
      return;
    }
    for (const entry of state) {
      const end = readUserEnd(entry);
      if (end !== undefined) this.#check(end);
    }
    if (this.#isOver || this.isOpen) return;
    this.isOpen = true;
    this.#owner.onGateOpen();
  }

  #check({ before, code, reason }: UserEnd): void {
    const isEnded = this.#authenticatedAt === undefined || this.#authenticatedAt <= before;
    if (isEnded && !this.#isOver) this.#owner.onUserEnded(code, reason);
  }
}
