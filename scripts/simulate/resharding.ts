import { chooseShard, type Shard } from './rendezvous.ts';
import type { World } from './world.ts';

/** Attempts to close a topic with all of its entries copied. */
const MAX_ATTEMPTS = 3;
/** How long a topic is watched, and when its move begins. */
const WATCH_MS = 3000;
const BEGIN_MS = 1000;
/** Topics that move at a time. */
const MOVES_AT_ONCE = 16;

/** How a topic is moved. */
export interface MoveSettings {
  readonly publishesPerSecond: number;
  /** One way between two machines. */
  readonly delayMs: number;
  /** When the old shard is lost for good, from the begin of the move on; undefined: it lives. */
  readonly oldDiesMs?: number | undefined;
}

/** How subscribers and publishers see the move of a topic. */
export interface Move {
  /** How long the move took. */
  readonly tookMs: number;
  /** The longest that a publication took more than others, because it was sent on or waited. */
  readonly waitMs: number;
  /** True when entries came so fast that the topic was closed before all of them were copied. */
  readonly isClosedFirst: boolean;
  /** What a subscriber hears that goes on in the new log behind its last entry. */
  readonly outcome: 'recovered' | 'gap';
  /** True when a comparison of offsets alone would have passed over entries without a word. */
  readonly isSilentByOffset: boolean;
}

/**
 * Moves a topic: its entries are copied with their offsets and tags. Then the old shard closes the topic, with an entry `moved`
 * that sends everyone on, if it has no entry that is not copied; else it gives what is new, and the attempt is repeated. The
 * last attempt closes the topic in any case, and its answer holds the rest.
 *
 * @remarks When the old shard is lost on the way, the new one goes on with what it has.
 */
export function moveTopic(random: () => number, settings: MoveSettings): Move {
  const { publishesPerSecond, delayMs, oldDiesMs = Infinity } = settings;
  const diesMs = BEGIN_MS + oldDiesMs;
  const times = publishTimes(random, publishesPerSecond);
  const storedAt = (timeMs: number): number => countUntil(times, Math.min(timeMs, diesMs));

  // From an answer of the old shard to the next question there: to the mover, to the new shard, and the same way back.
  const roundMs = 4 * delayMs;
  let closedMs = BEGIN_MS + delayMs;
  let copied = 0;
  let attempts = 0;
  do {
    // An answer that is on its way when the old shard is lost does not come.
    if (closedMs + delayMs < diesMs) copied = storedAt(closedMs);
    closedMs += roundMs;
    attempts++;
  } while (storedAt(closedMs) > copied && attempts < MAX_ATTEMPTS && closedMs < diesMs);
  const isClosedFirst = storedAt(closedMs) > copied;
  if (closedMs + delayMs < diesMs) copied = storedAt(closedMs);
  const endMs = Math.min(closedMs, diesMs);
  const openMs = endMs + 2 * delayMs;

  // A log is a list of tags; the place of a tag is its offset.
  const oldLog = Array.from({ length: storedAt(endMs) }, () => random());
  const later = times.filter((time) => time > endMs);
  const newLog = [...oldLog.slice(0, copied), ...later.map(() => random())];
  // What was announced just before the end is lost with the old shard, as its answers are.
  const heard = storedAt(Math.min(endMs, diesMs - delayMs));
  const isInLog = heard <= newLog.length;
  const isProved = heard === 0 || (isInLog && newLog[heard - 1] === oldLog[heard - 1]);
  return {
    tookMs: openMs - BEGIN_MS,
    // The old shard sends the publication on: back to its node, and from there to the new one.
    waitMs: later.length === 0 ? 0 : Math.max(2 * delayMs, openMs - (later[0] as number)),
    isClosedFirst,
    outcome: isProved ? 'recovered' : 'gap',
    isSilentByOffset: isInLog && !isProved,
  };
}

/** What happens when the cluster gets one shard more. */
export interface Resharding {
  /** Parts of all topics: that move to the new shard, and that move from one of the others to another. */
  readonly moved: number;
  readonly movedElsewhere: number;
  /** Seconds until all have moved. */
  readonly seconds: number;
  readonly longestWaitMs: number;
  readonly closedFirst: number;
  readonly gaps: number;
  readonly silentByOffset: number;
}

/**
 * Adds a shard, and moves its topics under load.
 *
 * @param weight - of the new shard; the others have 1
 * @param dies - true: each old shard is lost at some time in the move of its topic
 */
export function reshard(world: World, weight: number, delayMs: number, dies: boolean): Resharding {
  const { random, settings, shardOf, shards, allTopics } = world;
  const added: Shard = { id: shards.length, weight };
  const moves: Move[] = [];
  let movedElsewhere = 0;
  for (let topic = 0; topic < settings.topics; topic++) {
    const shard = chooseShard(topic, [...shards, added]);
    if (shard === shardOf[topic]) continue;
    if (shard !== added.id) movedElsewhere++;
    const publishesPerSecond = allTopics.partOf(topic) * settings.publishesPerSecond;
    const oldDiesMs = dies ? random() * (4 * MAX_ATTEMPTS + 2) * delayMs : undefined;
    moves.push(moveTopic(random, { publishesPerSecond, delayMs, oldDiesMs }));
  }
  const count = (is: (move: Move) => boolean): number => moves.filter(is).length;
  return {
    moved: moves.length / settings.topics,
    movedElsewhere: movedElsewhere / settings.topics,
    seconds: moves.reduce((sum, { tookMs }) => sum + tookMs, 0) / MOVES_AT_ONCE / 1000,
    longestWaitMs: moves.reduce((longest, { waitMs }) => Math.max(longest, waitMs), 0),
    closedFirst: count(({ isClosedFirst }) => isClosedFirst),
    gaps: count(({ outcome }) => outcome === 'gap'),
    silentByOffset: count(({ isSilentByOffset }) => isSilentByOffset),
  };
}

/** Publications come by chance, independent of each other. */
function publishTimes(random: () => number, perSecond: number): number[] {
  const times: number[] = [];
  const pause = (): number => (-Math.log(1 - random()) * 1000) / perSecond;
  for (let time = pause(); time < WATCH_MS; time += pause()) times.push(time);
  return times;
}

/** How many of these times, which ascend, have come. */
function countUntil(times: readonly number[], timeMs: number): number {
  let count = 0;
  while (count < times.length && (times[count] as number) <= timeMs) count++;
  return count;
}
