import type { World } from './world.ts';

/** Limits of the library: `docs/guide/topic-limits.md`. */
const OUTBOX_SECONDS = 10;
const HISTORY_MESSAGES = 256;
const HEAD_CHECKS_PER_SECOND = 2000;
/** What one core of a broker stores, measured on a busy machine. */
const APPENDS_PER_SECOND = 30_000;

/** What users and nodes see when a shard is away for a while. */
export interface ShardLoss {
  /** Parts of all topics, publications and clients. */
  readonly topics: number;
  readonly publishes: number;
  readonly clients: number;
  /** Publications that waited and were stored, and those that failed with ERR_BROKER_DOWN: their publishers were told. */
  readonly late: number;
  readonly refused: number;
  /** Most publications that waited on one node at a time. */
  readonly mostWaiting: number;
  /** Seconds from the return of the shard until nothing waits any more. */
  readonly emptySeconds: number;
  /** Seconds until the last node has compared its topics of the shard with the log. */
  readonly checkedSeconds: number;
}

/** Takes the busiest shard away for some seconds. */
export function loseShard(world: World, seconds: number): ShardLoss {
  const { topics, publishesPerSecond } = world.settings;
  const shard = busiestShard(world);
  const isLost = (topic: number): boolean => world.shardOf[topic] === shard;
  let lostTopics = 0;
  let part = 0;
  for (let topic = 0; topic < topics; topic++) {
    if (!isLost(topic)) continue;
    lostTopics++;
    part += world.allTopics.partOf(topic);
  }
  const waiting = new Uint32Array(world.nodes);
  let late = 0;
  let refused = 0;
  for (let i = 0; i < publishesPerSecond * seconds; i++) {
    if (!isLost(world.drawTopic())) continue;
    const node = Math.floor(world.random() * world.nodes);
    const waitSeconds = seconds * world.random();
    if (waitSeconds > OUTBOX_SECONDS) {
      refused++;
    } else {
      late++;
      // What waits when the shard comes back is the most that has waited: all that is younger than the limit.
      waiting[node] = (waiting[node] as number) + 1;
    }
  }
  return {
    topics: lostTopics / topics,
    publishes: part,
    clients: touchedClients(world, isLost),
    late,
    refused,
    mostWaiting: Math.max(...waiting),
    emptySeconds: late / (APPENDS_PER_SECOND - part * publishesPerSecond),
    checkedSeconds: Math.max(...watchedTopics(world, isLost)) / HEAD_CHECKS_PER_SECOND,
  };
}

/** What a region sees when one of its relays is gone. */
export interface RelayLoss {
  /** Topics that the other relays of the region take over, each once. */
  readonly topics: number;
  /** Questions to the shards for them, and what these were if each node asked for itself. */
  readonly reads: number;
  readonly readsWithoutRelays: number;
  /** Seconds until the last node of the region has compared its topics with the rings of the other relays. */
  readonly checkedSeconds: number;
  /** Topics with more messages meanwhile than the default history holds: their subscribers are told a gap. */
  readonly gapTopics: number;
  /** Part of the subscriptions of the region that are to such topics. */
  readonly gapSubscriptions: number;
}

/**
 * Takes one relay of the first region away.
 *
 * @param relays - of a region; each has an equal part of the topics
 * @param seconds - until it is noticed
 */
export function loseRelay(world: World, relays: number, seconds: number): RelayLoss {
  const { topics, publishesPerSecond, nodesPerRegion, topicsPerClient } = world.settings;
  const isLost = (topic: number): boolean => topic % relays === 0;
  const gaps = new Set<number>();
  let taken = 0;
  let pairs = 0;
  for (let topic = 0; topic < topics; topic += relays) {
    const near = world.nodesOf(topic).filter((node) => node < nodesPerRegion).length;
    if (near === 0) continue;
    taken++;
    pairs += near;
    const missed = world.allTopics.partOf(topic) * publishesPerSecond * seconds;
    if (missed > HISTORY_MESSAGES) gaps.add(topic);
  }
  let subscriptions = 0;
  let withGap = 0;
  for (const [i, topic] of world.topicsOfClients.entries()) {
    if (world.nodeOfClient(Math.floor(i / topicsPerClient)) >= nodesPerRegion) continue;
    subscriptions++;
    if (gaps.has(topic)) withGap++;
  }
  return {
    topics: taken,
    reads: taken,
    readsWithoutRelays: pairs,
    checkedSeconds: Math.max(...watchedTopics(world, isLost).subarray(0, nodesPerRegion)) / HEAD_CHECKS_PER_SECOND,
    gapTopics: gaps.size,
    gapSubscriptions: withGap / subscriptions,
  };
}

/** What the others see when a region is gone. */
export interface RegionLoss {
  /** Parts of all publications, and of the subscriptions of clients of the region and of others, whose topics are away. */
  readonly publishes: number;
  readonly ownSubscriptions: number;
  readonly otherSubscriptions: number;
  /** Connections of a node before, and after the clients of the region have come to the nodes of the others. */
  readonly connectionsBefore: number;
  readonly connectionsAfter: number;
}

/**
 * Takes the first region away, with its nodes and its shards.
 *
 * @param shardOf - the shard of each topic
 */
export function loseRegion(world: World, shardOf: Uint8Array): RegionLoss {
  const { clients, nodesPerRegion, topicsPerClient, topics, regions } = world.settings;
  const isLost = (topic: number): boolean => world.regionOfShard(shardOf[topic] as number) === 0;
  let publishes = 0;
  for (let topic = 0; topic < topics; topic++) if (isLost(topic)) publishes += world.allTopics.partOf(topic);
  const all = { own: 0, others: 0 };
  const lost = { own: 0, others: 0 };
  for (const [i, topic] of world.topicsOfClients.entries()) {
    const who = world.nodeOfClient(Math.floor(i / topicsPerClient)) < nodesPerRegion ? 'own' : 'others';
    all[who]++;
    if (isLost(topic)) lost[who]++;
  }
  return {
    publishes,
    ownSubscriptions: lost.own / all.own,
    otherSubscriptions: lost.others / all.others,
    connectionsBefore: clients / world.nodes,
    connectionsAfter: clients / (world.nodes - world.nodes / regions),
  };
}

function busiestShard({ settings, shardOf, allTopics }: World): number {
  const load = new Float64Array(settings.shards);
  for (const [topic, shard] of shardOf.entries()) load[shard] = (load[shard] as number) + allTopics.partOf(topic);
  return load.indexOf(Math.max(...load));
}

/** The part of the clients with at least one of these topics. */
function touchedClients({ settings, topicsOfClients }: World, isIn: (topic: number) => boolean): number {
  const { clients, topicsPerClient } = settings;
  let touched = 0;
  for (let i = 0; i < topicsOfClients.length; i += topicsPerClient) {
    if (topicsOfClients.subarray(i, i + topicsPerClient).some(isIn)) touched++;
  }
  return touched / clients;
}

/** For each node, how many of these topics it watches. */
function watchedTopics(world: World, isIn: (topic: number) => boolean): Uint32Array {
  const watched = new Uint32Array(world.nodes);
  for (let topic = 0; topic < world.settings.topics; topic++) {
    if (!isIn(topic)) continue;
    for (const node of world.nodesOf(topic)) watched[node] = (watched[node] as number) + 1;
  }
  return watched;
}
