import type { World } from './world.ts';

/** Who gets a publication, and from whom. */
export type Routing = 'flooding' | 'interest' | 'relays';

/** Figures per publication. */
export interface Copies {
  /** Copies that leave the shard of the topic. */
  readonly fromShards: number;
  /** Copies that go to another region. */
  readonly overWan: number;
  /** What the busiest shard sends, as a multiple of the mean. */
  readonly busiest: number;
}

/**
 * Publishes to topics by their weight, and counts copies. Flooding sends each publication to all nodes, interest to the nodes
 * with subscribers of the topic; with relays, nodes of other regions are served by a relay of their region, which gets one.
 *
 * @param shardOf - the shard of each topic
 */
export function countCopies(world: World, routing: Routing, shardOf: Uint8Array, publishes: number): Copies {
  const sent = new Float64Array(world.settings.shards);
  let overWan = 0;
  for (let i = 0; i < publishes; i++) {
    const topic = world.drawTopic();
    const shard = shardOf[topic] as number;
    const home = world.regionOfShard(shard);
    const copies = routing === 'flooding' ? toAll(world, home) : toInterested(world, topic, home);
    const toOthers = routing === 'relays' ? copies.regions : copies.away;
    overWan += toOthers;
    sent[shard] = (sent[shard] as number) + copies.near + toOthers;
  }
  const total = sent.reduce((sum, one) => sum + one, 0);
  return {
    fromShards: total / publishes,
    overWan: overWan / publishes,
    busiest: (Math.max(...sent) / total) * sent.length,
  };
}

/** Nodes that get a publication: in the region of its shard, in others, and how many others these are. */
interface Receivers {
  readonly near: number;
  readonly away: number;
  readonly regions: number;
}

function toAll({ nodes, settings: { nodesPerRegion, regions } }: World, _home: number): Receivers {
  return { near: nodesPerRegion, away: nodes - nodesPerRegion, regions: regions - 1 };
}

function toInterested(world: World, topic: number, home: number): Receivers {
  const regions = new Set<number>();
  let near = 0;
  let away = 0;
  for (const node of world.nodesOf(topic)) {
    const region = world.regionOfNode(node);
    if (region === home) {
      near++;
    } else {
      away++;
      regions.add(region);
    }
  }
  return { near, away, regions: regions.size };
}
