/** The number of partitions. Topics of one partition lie in one slot of a cluster. Never to change: entries outlive nodes. */
export const PARTITIONS = 128;

/** The partition in which the leases lie. */
export const LEASES_PARTITION = 0;

/** The partition of a topic: the same in all versions of this library. */
export function partitionOf(topic: string): number {
  // FNV-1a over the 16-bit units of the name.
  let hash = 0x811c9dc5;
  for (let i = 0; i < topic.length; i++) hash = Math.imul(hash ^ topic.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % PARTITIONS;
}

/** The names of keys and channels at the server. What stands in braces decides the slot of a cluster. */
export class Names {
  readonly #prefixes: readonly string[];

  /** @param prefix - without braces */
  constructor(prefix: string) {
    this.#prefixes = Array.from({ length: PARTITIONS }, (_, partition) => `${prefix}:{${partition}}:`);
  }

  log(topic: string): string {
    return `${this.#prefixOf(partitionOf(topic))}l:${topic}`;
  }

  state(topic: string): string {
    return `${this.#prefixOf(partitionOf(topic))}m:${topic}`;
  }

  fence(partition: number, node: string): string {
    return `${this.#prefixOf(partition)}f:${node}`;
  }

  /** The length of the topic is in it, so two pairs never have the same name. */
  idempotency(topic: string, key: string): string {
    return `${this.#prefixOf(partitionOf(topic))}i:${topic.length}:${topic}:${key}`;
  }

  channel(topic: string): string {
    return `${this.#prefixOf(partitionOf(topic))}c:${topic}`;
  }

  /** The topic of a channel. */
  topicOf(channel: string): string {
    return channel.slice(channel.indexOf('}:c:') + 4);
  }

  get leases(): string {
    return `${this.#prefixOf(LEASES_PARTITION)}nodes`;
  }

  #prefixOf(partition: number): string {
    return this.#prefixes[partition] ?? '';
  }
}
