import type { Feed, FeedEntry, FeedSink } from '../../src/topics/feed.ts';
import type { Position } from '../../src/topics/position.ts';
import type { GapReason, Since } from '../../src/topics/topic-handler.ts';
import type { ModelLog } from './model-log.ts';

/** What a client can hold before its connection is not ready any more. */
const WINDOW = 4;

/** What a client checks what it hears against. */
export interface Judge {
  readonly model: ModelLog;
  /** Whether subscribers skip to the newest entry of each key when they are slow. */
  readonly isThinned: boolean;
  /** Whether the log can no longer prove that it knows a position, and all behind it. */
  isLost(topic: string, position: Position): boolean;
  violated(law: string): void;
}

/** A subscriber that checks the laws with each thing that it hears, in the order in which it reads it. */
export class SimulatedClient {
  readonly session: string;
  readonly topic: string;
  /** The last position that the client has; undefined before it has one, and behind a state. */
  last: Position | undefined;
  /** What the client knows of the state; undefined when it did not ask for it, or may miss some of it. */
  state: Map<string, string> | undefined;
  isStalled = false;
  readonly #judge: Judge;
  #connection: Connection | undefined;

  constructor(session: string, topic: string, judge: Judge) {
    this.session = session;
    this.topic = topic;
    this.#judge = judge;
  }

  get isConnected(): boolean {
    return this.#connection !== undefined;
  }

  /** @param subscribe - subscribes at some node */
  connect(since: Since, subscribe: (sink: FeedSink) => Feed): void {
    this.disconnect();
    if (typeof since === 'string' || 'last' in since) {
      this.last = undefined;
      this.state = since === 'state' ? new Map() : undefined;
    }
    const connection = new Connection(this, this.#judge);
    this.#connection = connection;
    connection.feed = subscribe(connection);
  }

  /** What the client had not read yet is lost. */
  disconnect(): void {
    this.#connection?.end();
    this.#connection = undefined;
  }

  /** Whether its node has sent it everything. */
  get isUpToDate(): boolean {
    return this.#connection?.feed?.isUpToDate !== false;
  }

  /** The node closes the connection, and the client reads all that comes before the close frame. */
  move(): void {
    this.#connection?.read(Infinity);
    this.disconnect();
  }

  /** Reads some of what has come, unless the client is stalled. */
  read(count: number): void {
    if (!this.isStalled) this.#connection?.read(count);
  }
}

/** One connection of a client: what it has been sent waits until the client reads it. */
class Connection implements FeedSink {
  readonly session: string;
  feed: Feed | undefined;
  readonly #client: SimulatedClient;
  readonly #judge: Judge;
  #unread: (() => void)[] = [];
  #listeners: (() => void)[] = [];
  #isOver = false;
  #isTold = false;

  constructor(client: SimulatedClient, judge: Judge) {
    this.session = client.session;
    this.#client = client;
    this.#judge = judge;
  }

  get isReady(): boolean {
    return this.#unread.length < WINDOW;
  }

  onceReady(callback: () => void): void {
    this.#listeners.push(callback);
    if (this.isReady) this.#tellReady();
  }

  end(): void {
    this.#isOver = true;
    this.feed?.end();
    this.#unread = [];
  }

  read(count: number): void {
    for (const take of this.#unread.splice(0, count)) take();
    if (this.isReady) this.#tellReady();
  }

  onSubscribed(event: Parameters<FeedSink['onSubscribed']>[0]): void {
    this.#receive(() => {
      const { state, position } = event;
      const client = this.#client;
      if (this.#isTold) this.#judge.violated('onSubscribed came twice');
      this.#isTold = true;
      if (state === 'recovered') this.#checkRecovered(position);
      else if (state === 'gap') this.#takeGap();
      client.last = position;
    });
  }

  onEntry(entry: FeedEntry, isReplayed: boolean, isState: boolean): void {
    if (!this.isReady) this.#judge.violated('law 4: a subscriber that does not keep up was pushed to');
    this.#receive(() => {
      const { position } = entry;
      if (!this.#isTold) this.#judge.violated('an entry came before onSubscribed');
      if (position === undefined) return;
      const { key } = entry.entry;
      const { state } = this.#client;
      if (key !== undefined && entry.entry.isRemoved) state?.delete(key);
      else if (key !== undefined) state?.set(key, entry.data.toString());
      if (isState) return;
      this.#checkEntry(entry, position, isReplayed);
      this.#client.last = position;
    });
  }

  onLive(position: Position): void {
    this.#receive(() => {
      if (this.#client.last === undefined) this.#client.last = position;
    });
  }

  onGap(_reason: GapReason, position: Position): void {
    this.#receive(() => {
      this.#takeGap();
      this.#client.last = position;
    });
  }

  onFailed(): void {
    this.#client.disconnect();
  }

  #receive(take: () => void): void {
    if (this.#isOver) this.#judge.violated('something came after end()');
    this.#unread.push(take);
  }

  #tellReady(): void {
    const listeners = this.#listeners;
    this.#listeners = [];
    for (const listener of listeners) listener();
  }

  #checkRecovered(position: Position | undefined): void {
    const { last } = this.#client;
    if (position !== last) this.#judge.violated(`law 3: recovered at ${position}, and not at ${last}`);
    if (position === undefined || !this.#judge.model.knows(position)) {
      this.#judge.violated(`law 3: recovered at ${position}, which never was`);
    }
  }

  /** A gap where nothing is missing would have clients load everything again for nothing. */
  #takeGap(): void {
    const { last, topic } = this.#client;
    this.#client.state = undefined;
    if (last !== undefined && !this.#judge.isLost(topic, last)) {
      this.#judge.violated(`a gap behind ${last}, behind which nothing is missing`);
    }
  }

  /** Laws 1 and 2: the entry follows the last one in the one order, and what lies between is not for this client. */
  #checkEntry(entry: FeedEntry, position: Position, isReplayed: boolean): void {
    const { model, isThinned } = this.#judge;
    const stored = model.get(position);
    if (stored === undefined || stored.data !== entry.data.toString() || stored.topic !== this.#client.topic) {
      this.#judge.violated(`law 2: ${position} is in no log`);
      return;
    }
    if (stored.except === this.session) this.#judge.violated(`${position} came to the session that it excepts`);
    const { last } = this.#client;
    if (last === undefined) return;
    let before = stored.before;
    while (before !== last) {
      const skipped = model.get(before);
      const mayMiss = skipped !== undefined && (isThinned || skipped.hasTtl || skipped.except === this.session);
      if (!mayMiss) {
        const way = isReplayed ? 'replayed' : 'live';
        this.#judge.violated(`law 1: ${position} (${way}) follows ${before}, and the client had ${last}`);
        return;
      }
      before = skipped.before;
    }
  }
}
