import { monotonicMs, setImmediate } from '../base/clock.ts';
import { timers } from '../base/timers.ts';
import { FourDError, textOfThrown } from '../errors.ts';
import {
  type Broker,
  BrokerError,
  type Entry,
  type NodeInfo,
  type ReadQuery,
  type Retention,
  type Slice,
} from './broker.ts';
import { writeEntryBytes } from './entry-bytes.ts';
import type { Feed, FeedEntry, FeedSink, Publication, TopicsPort } from './feed.ts';
import { MEMBERS_PREFIX, MEMBERS_RETENTION } from './member-entry.ts';
import { PRESENCE, type PresenceSettings } from './members-view.ts';
import { Outbox } from './outbox.ts';
import { parsePosition, type Position, toPosition } from './position.ts';
import { Presence, type PresenceHost } from './presence.ts';
import { ResumeGate } from './resume-gate.ts';
import { type SlowPolicy, TopicSubscription } from './subscription.ts';
import { TopicEntry } from './topic-entry.ts';
import type { Published, Since } from './topic-handler.ts';
import { READER_LIMITS, type ReaderLimits, TopicReaders } from './topic-readers.ts';
import { type TopicsStats, TopicStats } from './topic-stats.ts';

/** Most entries, and bytes of them, that `history` gives at once. */
const HISTORY_ENTRIES = 500;
const HISTORY_BYTES = 262_144;
/** Pause before a broker that could not be opened is opened again. */
const OPEN_RETRY_MS = 1000;

/** How topics are kept and served. Checked by whom the user gives them to. */
export interface CoreSettings {
  readonly history: Retention;
  readonly onSlow: SlowPolicy;
  /** Topics that are kept otherwise. The longest prefix first. */
  readonly rules: readonly { readonly prefix: string; readonly history: Retention }[];
  /** Default: {@link PRESENCE}. */
  readonly presence?: PresenceSettings;
}

/** Hears why the broker cannot be opened: `ERR_BROKER_DOWN` or `ERR_BROKER_MISCONFIGURED`, once for each reason. */
export type OnBrokerTrouble = (error: FourDError) => void;

export interface CoreLimits extends ReaderLimits {
  /** Subscribers in a second that want more than what comes from now on. */
  readonly resumesPerSecond: number;
}

export const CORE_LIMITS: CoreLimits = { ...READER_LIMITS, resumesPerSecond: 5000 };

/**
 * The topics of one process: publications go to the broker, and what the broker announces goes to subscribers.
 *
 * @remarks The broker is opened at once, and each second again until that succeeds: settings may be mended, and servers
 * start in any order. What needs the broker waits for 10 s at most.
 */
export class TopicsCore implements TopicsPort, PresenceHost {
  readonly #broker: Broker;
  readonly #settings: CoreSettings;
  readonly #stats = new TopicStats();
  readonly #readers: TopicReaders;
  readonly #outbox: Outbox;
  readonly presence: Presence;
  readonly #gate: ResumeGate;
  /** The first attempt to open the broker: resolves with the error when it failed. */
  readonly opening: Promise<FourDError | undefined>;
  #isClosed = false;

  constructor(
    broker: Broker,
    settings: CoreSettings,
    limits: CoreLimits = CORE_LIMITS,
    onTrouble: OnBrokerTrouble = () => {},
  ) {
    this.#broker = broker;
    this.#settings = settings;
    this.#gate = new ResumeGate(limits.resumesPerSecond);
    this.#readers = new TopicReaders(broker, this.#stats, settings.onSlow, limits);
    this.presence = new Presence(this, settings.presence ?? PRESENCE);
    this.#outbox = new Outbox(broker);
    this.#readers.onBrokerState = (state) => {
      this.#outbox.onState(state);
      this.presence.onBrokerState(state);
    };
    this.opening = this.#tryToOpen();
    void this.#openAgain(onTrouble);
  }

  get stats(): TopicsStats {
    const { subscriptions, published, delivered, replayed, volatileDropped, gaps, holesRepaired, forks } = this.#stats;
    const { reads, singleFlightHits, appendTimes, deliverTimes, brokerReconnects, headDifferences } = this.#stats;
    return {
      topics: this.#readers.size,
      subscriptions,
      behind: this.#readers.behind,
      published,
      delivered,
      replayed,
      volatileDropped,
      gaps: { ...gaps },
      holesRepaired,
      forks,
      reads,
      singleFlightHits,
      ringBytes: this.#readers.ringBudget.heldBytes,
      outboxWaiting: this.#outbox.waiting,
      appendMs: appendTimes.figures,
      deliverMs: deliverTimes.figures,
      brokerState: this.#readers.brokerState,
      brokerReconnects,
      headDifferences,
      resumes: { ...this.#stats.resumes },
      nodesAlive: this.presence.leases.count,
      membersSwept: this.presence.sweptCount,
    };
  }

  // TopicsPort

  async publish(topic: string, publication: Publication): Promise<Published> {
    const { data, from, except, keepSeconds, series, ...rest } = publication;
    const startMs = monotonicMs();
    const bytes = writeEntryBytes({ data, from, except });
    const keep = keptFor(keepSeconds, this.retentionOf(topic));
    const appended = await this.#outbox.append({ topic, keep, bytes, ...rest }, series);
    const nowMs = monotonicMs();
    this.#stats.published++;
    this.#stats.appendTimes.note(nowMs - startMs, nowMs);
    const position = appended.offset === 0 ? undefined : toPosition(appended.epoch, appended);
    return { position, duplicate: appended.isDuplicate };
  }

  subscribe(topic: string, since: Since, sink: FeedSink): Feed {
    const reader = this.#readers.get(topic, this.retentionOf(topic));
    if (reader === undefined) {
      return this.#readers.isClosed
        ? refuse(topic, sink, 'broker-down', 'the server has ended')
        : refuse(topic, sink, 'limit', 'too many topics are watched');
    }
    const subscription = new TopicSubscription(reader, since, sink);
    reader.add(subscription);
    if (since === 'now') reader.start(subscription);
    else this.#gate.pass(() => reader.start(subscription));
    return subscription;
  }

  async history(
    topic: string,
    after: Position | undefined,
    limit: number,
  ): Promise<{ entries: readonly FeedEntry[]; hasMore: boolean }> {
    const range = { topic, limit: Math.min(limit, HISTORY_ENTRIES), maxBytes: HISTORY_BYTES };
    const place = parsePosition(after);
    let slice = await this.#ask(place === undefined ? { ...range, last: limit } : { ...range, after: place });
    // The log does not know the position any more: what it has is all there is.
    if (slice.gap !== undefined) slice = await this.#ask(range);
    const last = slice.entries.at(-1);
    const entries = toFeedEntries(topic, slice, slice.entries);
    return { entries, hasMore: last !== undefined && last.offset < slice.head.offset };
  }

  async state(topic: string): Promise<readonly FeedEntry[]> {
    const slice = await this.#ask({ topic, limit: 0, maxBytes: 0, isStateWanted: true });
    return toFeedEntries(topic, slice, slice.state ?? []);
  }

  retentionOf(topic: string): Retention {
    if (topic.startsWith(MEMBERS_PREFIX)) return MEMBERS_RETENTION;
    const rule = this.#settings.rules.find(({ prefix }) => topic.startsWith(prefix));
    return rule?.history ?? this.#settings.history;
  }

  renew(node: NodeInfo, ttlMs: number): Promise<readonly NodeInfo[]> {
    return this.#broker.renew(node, ttlMs);
  }

  /**
   * Ends all subscriptions without a word, and lets go of the broker when it has stored what was published: after 10 s at
   * the latest.
   *
   * @param isShared - whether other nodes go on with the broker: then the members of this one have their grace
   */
  async close(isShared = false): Promise<void> {
    this.#isClosed = true;
    this.#gate.close();
    await this.presence.close(isShared);
    this.#readers.close();
    await this.#outbox.onceEmpty();
    this.#outbox.close();
    await this.#closeBroker();
  }

  /** The time for {@link close} is up: publications that wait fail, and the members have no grace any more. */
  hurry(): void {
    this.presence.hurry();
    this.#outbox.close();
  }

  /** Opens the broker; resolves with the reason when that fails. */
  async #tryToOpen(): Promise<FourDError | undefined> {
    try {
      await this.#broker.open(this.#readers);
    } catch (thrown) {
      return toOpenError(thrown);
    }
    if (this.#isClosed) await this.#closeBroker();
    this.#readers.onState('up');
    return undefined;
  }

  async #openAgain(onTrouble: OnBrokerTrouble): Promise<void> {
    let told = '';
    for (let error = await this.opening; error !== undefined && !this.#isClosed; error = await this.#tryToOpen()) {
      const { message } = error;
      // Somebody may give up because of the first attempt: then nobody is told.
      if (message !== told) await new Promise((resolve) => setImmediate(resolve));
      if (message !== told && !this.#isClosed) onTrouble(error);
      told = message;
      await new Promise<void>((resolve) => timers.schedule({ onDeadline: resolve }, OPEN_RETRY_MS));
      if (this.#isClosed) return;
    }
  }

  /** Nobody is left who could be told that the broker fails at its end, and nothing depends on it. */
  async #closeBroker(): Promise<void> {
    try {
      await this.#broker.close();
    } catch {
      // The process lets go of it all the same.
    }
  }

  async #ask(query: ReadQuery): Promise<Slice> {
    try {
      return await this.#readers.calls.readOnce(query);
    } catch (thrown) {
      throw toFourDError(thrown);
    }
  }
}

/** How much of a topic is kept when the last entry of a key is to live for so long. */
function keptFor(keepSeconds: number | undefined, keep: Retention): Retention {
  if (keepSeconds === undefined) return keep;
  return {
    ...keep,
    messages: Math.max(keep.messages, 1),
    stateSeconds: Math.max(keep.stateSeconds, Math.ceil(keepSeconds)),
  };
}

function toFeedEntries(topic: string, { epoch, head }: Slice, entries: readonly Entry[]): TopicEntry[] {
  const nowMs = monotonicMs();
  return entries.flatMap((entry) => TopicEntry.read(topic, epoch, entry, head, nowMs) ?? []);
}

/** A subscription that this process cannot serve: the sink hears of it in a later turn. */
function refuse(topic: string, sink: FeedSink, code: string, message: string): Feed {
  let isEnded = false;
  setImmediate(() => {
    if (!isEnded) sink.onFailed(code, message);
  });
  return {
    topic,
    isUpToDate: true,
    end: () => {
      isEnded = true;
    },
  };
}

function toOpenError(thrown: unknown): FourDError {
  const isLasting = thrown instanceof BrokerError && thrown.code === 'misconfigured';
  const code = isLasting ? 'ERR_BROKER_MISCONFIGURED' : 'ERR_BROKER_DOWN';
  const message = `the broker of the topics cannot be opened, it is tried again: ${textOfThrown(thrown)}`;
  return new FourDError(code, message, { componentSignature: 'HTTP', cause: thrown });
}

function toFourDError(thrown: unknown): FourDError {
  const isRefused = thrown instanceof BrokerError && thrown.code === 'unsupported';
  const code = isRefused ? 'ERR_BROKER_UNSUPPORTED' : 'ERR_BROKER_DOWN';
  const message = isRefused ? 'the broker of the topics cannot do this' : 'the broker of the topics is away';
  return new FourDError(code, message, { componentSignature: 'HTTP', cause: thrown });
}
