/**
 * The port behind which topics are kept: memory, and later Redis or NATS. A broker keeps one log for each topic; it knows
 * nothing of connections and handlers.
 *
 * @remarks What every broker must do is written as tests in `test/contract/broker.ts`.
 */

/** How much of a topic is kept. What is beyond one of the figures is trimmed, oldest first. */
export interface Retention {
  /** Entries; 0 keeps nothing: each message is then volatile. Default 256. */
  readonly messages: number;
  /** Age of entries in seconds, by the broker's clock. Default 300. */
  readonly seconds: number;
  /** Bytes of all entries. Default 1 048 576. */
  readonly bytes: number;
  /** Seconds after its last entry for which a topic, with the last entry of each key, is remembered. Default 86 400. */
  readonly stateSeconds: number;
}

/** One message of a topic, as it is stored. */
export interface Entry {
  /** Grows within an epoch, and need not be dense; 0: volatile, not stored. */
  readonly offset: number;
  /** 32 random bits that tell this entry from another one with the same offset. */
  readonly tag: number;
  /** Offset of the topic's entry before, 0 for the first one. */
  readonly prev: number;
  /** Tag of the topic's entry before, where the broker knows it. */
  readonly prevTag?: number | undefined;
  /** When the broker stored it, in milliseconds since 1970 by the broker's clock. */
  readonly at: number;
  readonly key?: string | undefined;
  /** True when the entry takes its key out of the state. */
  readonly isRemoved?: boolean | undefined;
  /** The node whose lease the entry needs: members only. */
  readonly owner?: string | undefined;
  /** Seconds after which the entry is neither replayed nor state. */
  readonly ttl?: number | undefined;
  /** What `entry-bytes.ts` made of the publication. The memory broker makes the Buffer when it is asked: ask once. */
  readonly bytes: Buffer;
}

/** The place of an entry, in numbers. */
export interface Place {
  readonly offset: number;
  readonly tag: number;
}

/** An entry to be stored and announced, which is one step. */
export interface Append {
  readonly topic: string;
  readonly keep: Retention;
  /** The broker's from now on. */
  readonly bytes: Buffer;
  readonly key?: string | undefined;
  /** True takes the key out of the state. */
  readonly isRemoved?: boolean | undefined;
  readonly owner?: string | undefined;
  /** Stores only when the key's entry in the state has this owner; `''`: the owner of this append, or no entry. */
  readonly ifOwner?: string | undefined;
  readonly ttl?: number | undefined;
  /** Unique in the topic for 120 s from the first append, by the broker's clock. Means nothing for a volatile one. */
  readonly idempotencyKey?: string | undefined;
  /** True announces the entry and does not store it. */
  readonly isVolatile?: boolean | undefined;
}

/**
 * The answer to an append. Offset and tag are 0 for a volatile one, and for one that is stored where the broker does not
 * know the place any more: it was given again, and an earlier attempt had stored it (see {@link Broker.isFenced}), unless its
 * `ifOwner` did not fit, which the broker does not know any more either.
 */
export interface Appended extends Place {
  readonly epoch: string;
  /** True when the idempotency key was known: the place is that of the first append. */
  readonly isDuplicate: boolean;
  /** True when `ifOwner` did not fit: nothing was stored. */
  readonly isSkipped?: boolean;
}

/** Why a broker did not do what it was asked to. */
export type BrokerErrorCode =
  /** The broker has no room. */
  | 'full'
  /** The broker cannot do this at all. */
  | 'unsupported'
  /** Nothing is known of the command: it may have been carried out. */
  | 'unknown'
  /** The broker is away: the command was not carried out. */
  | 'down'
  /** The broker can only be used when somebody changes its settings, or those of this process: the message says which. */
  | 'misconfigured';

/** The outcome of a command that failed. Brokers return these for single appends, and reject with them otherwise. */
export class BrokerError extends Error {
  readonly code: BrokerErrorCode;

  constructor(code: BrokerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** A question for the entries of a topic. */
export interface ReadQuery {
  readonly topic: string;
  /** The place behind which to read; undefined reads from the oldest entry that is kept. */
  readonly after?: (Place & { readonly epoch: string }) | undefined;
  /** The offset in front of which to stop. */
  readonly before?: number | undefined;
  /** Begins with the newest so many entries, instead of `after`: the oldest of these are the first to be given. */
  readonly last?: number | undefined;
  /** Number of entries; 0 asks for the head only, and whether there is a gap behind `after`. */
  readonly limit: number;
  /** Bytes of the entries. One entry is given even if it has more. */
  readonly maxBytes: number;
  /** True asks for the last entry of each key too. */
  readonly isStateWanted?: boolean | undefined;
}

/** Why entries are missing. */
export type SliceGap = 'trimmed' | 'epoch' | 'forked';

/**
 * The answer to a {@link ReadQuery}. Reading an absent topic gives the place in front of its first entry.
 *
 * @remarks Entries past their ttl are left out and not counted, so a chain may have holes where they were. A slice without
 * entries, without a gap and with a limit above 0 says that nothing follows up to `head`.
 */
export interface Slice {
  readonly epoch: string;
  /** The newest entry of the topic, or the place in front of the first one: offset 0 and tag 0, or where the floor is. */
  readonly head: Place;
  /** In order, the first ones behind `after`; none when there is a gap. */
  readonly entries: readonly Entry[];
  /** Set when the log cannot prove that it knows the entry of `after`, and all entries behind it. */
  readonly gap?: SliceGap | undefined;
  /** At least all keyed entries up to `head`, those that were removed or are past their ttl left out. */
  readonly state?: readonly Entry[] | undefined;
}

/** A process that uses the broker. */
export interface NodeInfo {
  /** 128 random bits of the process, in hexadecimal digits. */
  readonly id: string;
  readonly isDraining: boolean;
}

/** What a broker tells the process that uses it. The methods never throw. */
export interface BrokerSink {
  /** A watched topic has a new entry, which is the broker's to announce: also one of this process itself. */
  onEntry(topic: string, epoch: string, entry: Entry): void;
  /** Announcements of these watched topics may have been lost. */
  onDoubt(topics: readonly string[] | 'all'): void;
  onState(state: 'up' | 'down'): void;
}

/** Keeps the logs of topics. */
export interface Broker {
  /**
   * True when an append that was `unknown` may be given again: the same object is stored once. The broker then answers
   * `unknown` for it until it knows, and `down` only when no attempt was carried out.
   *
   * @remarks Whoever gives it again does so before newer appends of the topic: then the order stays.
   */
  readonly isFenced?: boolean;
  /** Connects. Called once, before all else. The broker is up when the promise resolves; `onState` tells what changes. */
  open(sink: BrokerSink): Promise<void>;
  /**
   * Stores and announces in order; one outcome for each, in the same order. Rejects with a {@link BrokerError}.
   *
   * @remarks The outbox sends `down` again, and what has an idempotency key; so after an append that is `down` or `unknown`
   * no later one of the same topic in the batch is carried out. Each call settles within the broker's own deadline.
   */
  append(batch: readonly Append[]): Promise<readonly (Appended | BrokerError)[]>;
  /** One slice for each query, in the same order. Rejects with a {@link BrokerError}. */
  read(queries: readonly ReadQuery[]): Promise<readonly Slice[]>;
  /**
   * Resolves when each later append reaches the sink, or `onDoubt` is called, or a head check (limit 0) finds it.
   * Watching twice is watching once.
   */
  watch(topics: readonly string[]): Promise<void>;
  /** Announcements that are under way may still come. */
  unwatch(topics: readonly string[]): void;
  /** Renews the lease of this node; the nodes whose lease lives, this one included. A ttl of 0 ends the lease. */
  renew(node: NodeInfo, ttlMs: number): Promise<readonly NodeInfo[]>;
  close(): Promise<void>;
}
