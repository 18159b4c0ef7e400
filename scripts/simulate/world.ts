import { createRandom } from '../../test/soak/random.ts';
import { chooseShard, hashOf, type Shard } from './rendezvous.ts';

/** How large the simulated world is. */
export interface WorldSettings {
  readonly regions: number;
  readonly nodesPerRegion: number;
  readonly shards: number;
  readonly topics: number;
  readonly clients: number;
  readonly topicsPerClient: number;
  /** Exponent of Zipf's law: the topic of rank r is chosen with a weight of 1 / r ** zipf. */
  readonly zipf: number;
  /** Part of the subscriptions that go to topics of the client's own region. */
  readonly locality: number;
  /** Publishes in all regions together. */
  readonly publishesPerSecond: number;
}

export const WORLD: WorldSettings = {
  regions: 6,
  nodesPerRegion: 50,
  shards: 24,
  topics: 1_000_000,
  clients: 1_000_000,
  topicsPerClient: 5,
  zipf: 1.05,
  locality: 0.8,
  publishesPerSecond: 10_000,
};

/** Draws topics by their weight. */
export class TopicDraw {
  readonly #topics: Uint32Array;
  /** The sum of the weights up to each topic, as a part of all of them. */
  readonly #sums: Float64Array;
  /** For each equal part of the sum, the first topic that reaches into it: where to begin to look. */
  readonly #guide: Uint32Array;

  /** @param topics - in order of their rank, which is their number */
  constructor(topics: Uint32Array, zipf: number) {
    this.#topics = topics;
    this.#sums = new Float64Array(topics.length);
    this.#guide = new Uint32Array(topics.length);
    let sum = 0;
    for (const [i, topic] of topics.entries()) this.#sums[i] = sum += 1 / (topic + 1) ** zipf;
    let part = 0;
    for (let i = 0; i < topics.length; i++) {
      this.#sums[i] = (this.#sums[i] as number) / sum;
      while (part < topics.length && part / topics.length < (this.#sums[i] as number)) this.#guide[part++] = i;
    }
  }

  /** @param random - a number of 0 to 1 */
  draw(random: number): number {
    let i = this.#guide[Math.floor(random * this.#topics.length)] as number;
    while ((this.#sums[i] as number) < random) i++;
    return this.#topics[i] as number;
  }

  /** How often a topic is drawn, as a part of all draws: only of a draw of all topics. */
  partOf(topic: number): number {
    return (this.#sums[topic] as number) - (topic === 0 ? 0 : (this.#sums[topic - 1] as number));
  }
}

/** Nodes, shards, topics and clients, and who has subscribed to what. The same seed makes the same world. */
export class World {
  readonly settings: WorldSettings;
  readonly random: () => number;
  readonly shards: readonly Shard[];
  readonly allTopics: TopicDraw;
  /** The shard of each topic when any shard may have it. */
  readonly shardOf: Uint8Array;
  /** The shard of each topic when a rule names its home region. */
  readonly homeShardOf: Uint8Array;
  /** The topics of each client, `topicsPerClient` of them. */
  readonly topicsOfClients: Uint32Array;
  /** The nodes with subscribers of topic t: `interest[starts[t]]` up to `interest[starts[t + 1]]`. */
  readonly interest: Uint16Array;
  readonly starts: Uint32Array;

  constructor(seed: number, settings: WorldSettings) {
    this.settings = settings;
    this.random = createRandom(seed);
    const { regions, shards, topics, zipf } = settings;
    this.shards = Array.from({ length: shards }, (_, id) => ({ id, weight: 1 }));
    const ranks = Uint32Array.from({ length: topics }, (_, rank) => rank);
    this.allTopics = new TopicDraw(ranks, zipf);
    this.shardOf = Uint8Array.from(ranks, (topic) => chooseShard(topic, this.shards));
    const shardsOf = Array.from({ length: regions }, (_, region) =>
      this.shards.filter(({ id }) => this.regionOfShard(id) === region),
    );
    this.homeShardOf = Uint8Array.from(ranks, (topic) =>
      chooseShard(topic, shardsOf[this.regionOfTopic(topic)] as Shard[]),
    );
    const localTopics = shardsOf.map(
      (_, region) =>
        new TopicDraw(
          ranks.filter((topic) => this.regionOfTopic(topic) === region),
          zipf,
        ),
    );
    this.topicsOfClients = this.#subscribe(localTopics);
    [this.starts, this.interest] = this.#findInterest();
  }

  get nodes(): number {
    return this.settings.regions * this.settings.nodesPerRegion;
  }

  regionOfShard(shard: number): number {
    return shard % this.settings.regions;
  }

  regionOfTopic(topic: number): number {
    return Math.floor(hashOf(topic, 1_000_003) * this.settings.regions);
  }

  nodeOfClient(client: number): number {
    return client % this.nodes;
  }

  regionOfNode(node: number): number {
    return Math.floor(node / this.settings.nodesPerRegion);
  }

  /** The nodes with subscribers of a topic. */
  nodesOf(topic: number): Uint16Array {
    return this.interest.subarray(this.starts[topic], this.starts[topic + 1]);
  }

  /** A topic that somebody publishes to. */
  drawTopic(): number {
    return this.allTopics.draw(this.random());
  }

  #subscribe(localTopics: readonly TopicDraw[]): Uint32Array {
    const { clients, topicsPerClient, locality } = this.settings;
    const topics = new Uint32Array(clients * topicsPerClient);
    for (let i = 0; i < topics.length; i++) {
      const region = this.regionOfNode(this.nodeOfClient(Math.floor(i / topicsPerClient)));
      const draw = this.random() < locality ? (localTopics[region] as TopicDraw) : this.allTopics;
      topics[i] = draw.draw(this.random());
    }
    return topics;
  }

  #findInterest(): [Uint32Array, Uint16Array] {
    const { nodes } = this;
    const { topics, topicsPerClient } = this.settings;
    const pairs = new Float64Array(this.topicsOfClients.length);
    for (const [i, topic] of this.topicsOfClients.entries()) {
      pairs[i] = topic * nodes + this.nodeOfClient(Math.floor(i / topicsPerClient));
    }
    pairs.sort();
    const starts = new Uint32Array(topics + 1);
    const interest = new Uint16Array(pairs.length);
    let count = 0;
    for (const [i, pair] of pairs.entries()) {
      if (i > 0 && pair === pairs[i - 1]) continue;
      interest[count++] = pair % nodes;
      starts[Math.floor(pair / nodes) + 1] = count;
    }
    // A topic without subscribers begins, and ends, where the one before it ends.
    for (let topic = 1; topic <= topics; topic++) {
      if (starts[topic] === 0) starts[topic] = starts[topic - 1] as number;
    }
    return [starts, interest.slice(0, count)];
  }
}
