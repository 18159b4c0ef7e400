/** A broker group that topics are spread over. */
export interface Shard {
  readonly id: number;
  /** A shard of weight 2 gets twice as many topics as one of weight 1. */
  readonly weight: number;
}

/** A number of 0 to 1, without its ends, that looks random and is the same for the same two numbers. */
export function hashOf(one: number, other: number): number {
  let mixed = Math.imul(one + 1, 0x9e3779b1) ^ Math.imul(other + 1, 0x85ebca77);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d);
  mixed = Math.imul(mixed ^ (mixed >>> 12), 0x297a2d39);
  return (((mixed ^ (mixed >>> 15)) >>> 0) + 0.5) / 2 ** 32;
}

/**
 * Chooses the shard of a topic by weighted rendezvous hashing: each shard has a score for the topic, and the greatest wins.
 *
 * @remarks A new shard changes no score of the others, so topics move to it and nowhere else.
 * @param shards - at least one
 */
export function chooseShard(topic: number, shards: readonly Shard[]): number {
  let best = -1;
  let greatest = -1;
  for (const { id, weight } of shards) {
    const score = weight / -Math.log(hashOf(topic, id));
    if (score > greatest) {
      greatest = score;
      best = id;
    }
  }
  return best;
}
