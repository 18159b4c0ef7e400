import { setTimeout as sleep } from 'node:timers/promises';
import { type Position, type Topics, WebSocketServer } from '../../src/index.ts';
import { redisBroker } from '../../src/redis.ts';

const TOPICS = Array.from({ length: 20 }, (_, i) => `topic ${i}`);
const PAUSE_MS = 5;
/** Everything is kept, so that all that is missing has been lost by the server. */
const HISTORY = { messages: 1_000_000, seconds: 3600, bytes: 1_000_000_000 };

/** Starts a server that takes no clients, and whose program publishes and subscribes. */
export function startNode(url: string): WebSocketServer {
  const topics = { broker: redisBroker({ url }), history: HISTORY };
  const wss = WebSocketServer.new({ onConnection: () => null }, { webServer: null, topics });
  if (wss === null) throw new Error('the server did not start');
  return wss;
}

/** Publishes to 20 topics, 100 times a second to each, and notes what was acknowledged. */
export class Load {
  /** The numbers of the messages of each topic that the broker has said to have stored. */
  readonly acknowledged: ReadonlyMap<string, number[]> = new Map(TOPICS.map((topic) => [topic, []]));
  /** Publications that failed. */
  failed = 0;
  readonly #topics: Topics;
  #isRunning = true;
  #number = 0;

  constructor(topics: Topics) {
    this.#topics = topics;
    void this.#run();
  }

  stop(): void {
    this.#isRunning = false;
  }

  /** The number of messages that were acknowledged up to now. */
  get count(): number {
    return Array.from(this.acknowledged.values(), ({ length }) => length).reduce((sum, length) => sum + length, 0);
  }

  async #run(): Promise<void> {
    const data = 'x'.repeat(200);
    while (this.#isRunning) {
      for (let i = 0; i < TOPICS.length / 2; i++) void this.#publish(this.#number++, data);
      await sleep(PAUSE_MS);
    }
  }

  async #publish(number: number, data: string): Promise<void> {
    const topic = TOPICS[number % TOPICS.length] as string;
    try {
      await this.#topics.publish(topic, [number, data]);
      // The server may have died, and the answer have been under way: it counts.
      this.acknowledged.get(topic)?.push(number);
    } catch {
      this.failed++;
    }
  }
}

/** Follows all topics: where it is in each, and what it was told of missing messages. */
export class Follower {
  readonly positions = new Map<string, Position | undefined>();
  readonly gaps = new Map<string, string>();
  /** The topics whose subscription has begun. */
  readonly begun = new Set<string>();

  /** @param after - where an earlier follower was; from now on without one */
  constructor(topics: Topics, after?: ReadonlyMap<string, Position | undefined>) {
    for (const topic of TOPICS) {
      const position = after?.get(topic);
      const since = position === undefined ? 'now' : { after: position };
      topics.subscribe(
        topic,
        {
          onSubscribed: () => void this.begun.add(topic),
          onMessage: (_sub, event) => void this.positions.set(topic, event.position),
          onGap: (_sub, { reason }) => void this.gaps.set(topic, reason),
        },
        { since },
      );
    }
  }

  /** Resolves when all subscriptions have begun. */
  async allBegun(): Promise<void> {
    while (this.begun.size < TOPICS.length) await sleep(10);
  }

  /** The gaps in words: their number and their reasons. */
  get told(): string {
    if (this.gaps.size === 0) return 'nothing';
    return `${this.gaps.size} of ${TOPICS.length}: \`${[...new Set(this.gaps.values())].join('`, `')}\``;
  }
}

/** How many of the acknowledged messages the broker does not have. */
export async function countLost(topics: Topics, acknowledged: ReadonlyMap<string, readonly number[]>): Promise<number> {
  let lost = 0;
  for (const [topic, numbers] of acknowledged) {
    const kept = await readAll(topics, topic);
    lost += numbers.filter((number) => !kept.has(number)).length;
  }
  return lost;
}

function readAll(topics: Topics, topic: string): Promise<ReadonlySet<number>> {
  const kept = new Set<number>();
  return new Promise((resolve) => {
    const subscription = topics.subscribe<[number, string]>(
      topic,
      {
        onMessage: (_sub, { data: [number] }) => void kept.add(number),
        onLive: () => {
          subscription.unsubscribe();
          resolve(kept);
        },
      },
      { since: 'start' },
    );
  });
}
