import { createClock, type TestClock } from '../../src/testing.ts';
import { onTestFinished } from 'vitest';
import type { Broker } from '../../src/topics/broker.ts';
import type { MembersNews, MembersSink } from '../../src/topics/feed.ts';
import { MemoryLogs } from '../../src/topics/memory-logs.ts';
import { TopicsCore } from '../../src/topics/topics-core.ts';
import { HeldBroker } from './held-broker.ts';

/** A node, and what a watcher on it has been told of the topic `room`. */
export class WatchingNode implements MembersSink {
  readonly broker: HeldBroker;
  readonly core: TopicsCore;
  readonly news: MembersNews[] = [];
  /** Ids of members who came and left, with the time. */
  readonly log: { readonly at: number; readonly joined?: string; readonly left?: string }[] = [];
  readonly #clock: TestClock;

  constructor(logs: Logs, clock: TestClock, leaveGraceMs: number, max: number) {
    this.#clock = clock;
    this.broker = new HeldBroker(logs.connect());
    const history = { messages: 256, seconds: 300, bytes: 1_048_576, stateSeconds: 86_400 };
    this.core = new TopicsCore(this.broker, { history, onSlow: 'catchUp', rules: [], presence: { max, leaveGraceMs } });
    onTestFinished(() => {
      this.broker.release();
      // A faulty broker needs time for it, and the clock stands still.
      void this.core.close();
    });
  }

  watch(): this {
    this.core.presence.watch('room', this);
    return this;
  }

  show(session: string, info?: object): (isAtOnce: boolean) => void {
    const facts = { user: `user of ${session}`, info: info && JSON.stringify(info) };
    return this.core.presence.show('room', session, facts);
  }

  /** Ids of the members that a watcher knows, who keeps to what it was told. */
  get members(): string[] {
    let ids = new Set<string>();
    for (const { list, join = [], leave = [] } of this.news) {
      if (list !== undefined) ids = new Set(list.map(({ id }) => id));
      for (const { id } of join) ids.add(id);
      for (const { id } of leave) ids.delete(id);
    }
    return [...ids].toSorted();
  }

  onMembers(news: MembersNews): void {
    this.news.push(news);
    for (const { id } of news.join ?? []) this.log.push({ at: this.#clock.now, joined: id });
    for (const { id } of news.leave ?? []) this.log.push({ at: this.#clock.now, left: id });
  }
}

interface Logs {
  connect(): Broker;
}

interface NodeOptions {
  readonly leaveGraceMs?: number;
  readonly max?: number;
  readonly logs?: Logs;
}

/** Several nodes with one broker, on a clock that stands still. */
export class PresenceWorld {
  readonly clock: TestClock = createClock();
  readonly logs: MemoryLogs = new MemoryLogs();

  constructor() {
    onTestFinished(() => this.clock.restore());
  }

  node({ leaveGraceMs = 5000, max = 1000, logs = this.logs }: NodeOptions = {}): WatchingNode {
    return new WatchingNode(logs, this.clock, leaveGraceMs, max);
  }

  /** Nodes that have renewed their leases for so long that they may declare others gone. */
  async steadyNodes(count: number): Promise<WatchingNode[]> {
    const nodes = Array.from({ length: count }, () => this.node().watch());
    await this.clock.advance(20_000);
    return nodes;
  }
}
