import { resolvedWithin } from '../base/resolved-within.ts';
import type { TopicFigures } from '../diagnostics/topic-figures.ts';
import { FourDError } from '../errors.ts';
import { warnOfCallbacks } from '../session/callback-warnings.ts';
import { invalidOption, kindOf } from '../session/option-checks.ts';
import type { Broker } from '../topics/broker.ts';
import { SESSION_PREFIX } from '../topics/frames.ts';
import { memoryBroker } from '../topics/memory-broker.ts';
import type {
  HistoryPage,
  Members,
  Publishable,
  Published,
  Since,
  Subscription,
  TopicHandler,
  TopicMessage,
} from '../topics/topic-handler.ts';
import { toTopicMessage } from '../topics/topic-messages.ts';
import type { TopicsStats } from '../topics/topic-stats.ts';
import { CORE_LIMITS, type OnBrokerTrouble, TopicsCore } from '../topics/topics-core.ts';
import { generateError } from '../workers/error-handling.ts';
import { userTopic } from '../topics/user-topic.ts';
import type { CallScope } from '../workers/call-scope.ts';
import { ProgramSubscription } from './program-subscription.ts';
import { checkProgramOptions, checkRange, checkTopic } from './topic-arguments.ts';
import { TopicConnection } from './topic-connection.ts';
import { toTopicFigures } from './topic-figures.ts';
import type { HistoryRange, ServerSubscribeOptions } from './topic-events.ts';
import type { TopicHost } from './topic-host.ts';
import type { CheckedTopics } from './topic-options.ts';
import { type ServerPublishOptions, toPublication } from './topic-publishing.ts';
import type { TopicPeer } from './topic-seam.ts';
import { newSecret, secretOf } from './topic-sessions.ts';
import { checkUserKey, type EndUserOptions, endUser } from './topic-users.ts';
import type { Topics } from './topics.ts';
import { checkUser } from './user-name.ts';

/** The time of `alive` frames where the server sends no pings. */
const DEFAULT_ALIVE_MS = 25_000;
/** How long the broker has to let go of the server when the time of its end is up. */
const FAREWELL_MS = 100;

/** Brokers that a server has: each serves one, because it tells one of what happens. */
const takenBrokers = new WeakSet<Broker>();

/**
 * The topics of one server. All that servers need of `src/topics/` is reached through this file, so that a program without
 * topics need not load the rest.
 */
export class TopicServer implements Topics, TopicHost {
  readonly port: TopicsCore;
  readonly settings: CheckedTopics;
  readonly scope: CallScope;
  readonly aliveMs: number;
  /** Whether a misspelt callback is warned of. */
  readonly #warns: boolean;
  readonly #programs = new Set<ProgramSubscription>();
  #hasEnded = false;
  #closing: Promise<void> | undefined;

  /**
   * @param limits - of the server: `pingIntervalMs` is Infinity for none
   * @param onTrouble - hears why the broker cannot be opened
   * @throws FourDError `ERR_INVALID_OPTION` when another server has the broker
   */
  constructor(
    settings: CheckedTopics,
    scope: CallScope,
    { pingIntervalMs, warnings }: { readonly pingIntervalMs: number; readonly warnings: boolean },
    onTrouble: OnBrokerTrouble,
  ) {
    const broker = settings.broker ?? memoryBroker();
    if (takenBrokers.has(broker)) {
      throw invalidOption('topics.broker belongs to another server: create a broker for each server', 'HTTP');
    }
    takenBrokers.add(broker);
    this.#warns = warnings;
    this.settings = settings;
    this.scope = scope;
    this.aliveMs = pingIntervalMs === Infinity ? DEFAULT_ALIVE_MS : pingIntervalMs;
    this.port = new TopicsCore(broker, settings, CORE_LIMITS, onTrouble);
  }

  /** Resolves when the broker was tried for the first time: with the error when it cannot be used as it is. */
  async findMistake(): Promise<FourDError | undefined> {
    // The memory broker is there at once.
    const error = this.settings.broker && (await this.port.opening);
    return error?.code === 'ERR_BROKER_MISCONFIGURED' ? error : undefined;
  }

  get stats(): TopicsStats {
    return this.port.stats;
  }

  get figures(): TopicFigures {
    return toTopicFigures(this.port.stats);
  }

  /** Makes the topics of a connection that speaks the protocol of topics. */
  open(peer: TopicPeer, offered: readonly string[]): TopicConnection {
    return new TopicConnection(this, peer, secretOf(offered, SESSION_PREFIX), true);
  }

  /** Makes the topics of a connection that does not: only this program can subscribe it. */
  openBare(peer: TopicPeer): TopicConnection {
    return new TopicConnection(this, peer, newSecret(), false);
  }

  /** Ends the subscriptions of the program: onTerminate of the server follows. */
  endPrograms(): void {
    this.#hasEnded = true;
    for (const program of this.#programs) program.end('ended');
  }

  /** The server begins to drain. */
  drain(): void {
    this.port.presence.drain();
  }

  /** The server is over. */
  close(): void {
    // A broker of its own has no other nodes, on which members could come back.
    this.#closing ??= this.port.close(this.settings.broker !== undefined);
  }

  /**
   * Resolves when {@link close} has stored what was published and let go of the broker. What is not over after `timeoutMs` is
   * given up: the promise resolves within a tenth of a second then.
   */
  async closed(timeoutMs: number): Promise<void> {
    if (this.#closing === undefined || (await resolvedWithin(this.#closing, timeoutMs))) return;
    this.port.hurry();
    await resolvedWithin(this.#closing, FAREWELL_MS);
  }

  // Topics

  publish(topic: string, data: Publishable, options?: ServerPublishOptions): Promise<Published> {
    return this.publishAs(undefined, topic, data, options);
  }

  async publishAs(
    user: string | undefined,
    topic: string,
    data: Publishable,
    options: ServerPublishOptions = {},
  ): Promise<Published> {
    checkTopic(topic);
    return this.port.publish(topic, toPublication(data, options, this.settings.limits.payloadBytes, user));
  }

  async history(topic: string, range: HistoryRange = {}): Promise<HistoryPage> {
    checkTopic(topic);
    const { after, limit } = checkRange(range);
    const { entries, hasMore } = await this.port.history(topic, after, limit);
    return { messages: entries.map((entry) => toTopicMessage(entry, false)), hasMore };
  }

  async state(topic: string): Promise<TopicMessage[]> {
    checkTopic(topic);
    const entries = await this.port.state(topic);
    return entries.map((entry) => toTopicMessage(entry, true));
  }

  async toUser(user: string, data: Publishable, options: ServerPublishOptions = {}): Promise<Published> {
    const topic = userTopic(checkUser(user));
    const publication = toPublication(data, options, this.settings.limits.payloadBytes, undefined);
    checkUserKey(publication);
    return this.port.publish(topic, publication);
  }

  async endUser(user: string, options: EndUserOptions = {}): Promise<void> {
    await endUser(this.port, user, options);
  }

  async members(topic: string): Promise<Members> {
    checkTopic(topic);
    return this.port.presence.members(topic);
  }

  subscribe<T = unknown>(
    topic: string,
    handler: TopicHandler<T>,
    options: ServerSubscribeOptions = {},
  ): Subscription<T> {
    let since: Since;
    try {
      since = checkSubscription(topic, handler, options);
    } catch (error) {
      return generateError(error as FourDError, undefined as never);
    }
    if (this.#warns) warnOfCallbacks(handler, 'topic');
    const program = new ProgramSubscription(this, topic, handler, (over) => this.#programs.delete(over));
    this.#programs.add(program);
    program.start(since);
    // The end of the subscription is told all the same, in a later turn.
    if (this.#hasEnded) program.end('ended');
    return program as Subscription as Subscription<T>;
  }
}

/** @throws FourDError `ERR_INVALID_TOPIC`, `ERR_INVALID_HANDLER` or `ERR_INVALID_OPTION` */
function checkSubscription(topic: unknown, handler: unknown, options: ServerSubscribeOptions): Since {
  checkTopic(topic);
  if (typeof handler === 'object' && handler !== null) return checkProgramOptions(options);
  const message = `invalid topic handler: it must be an object with callbacks; received ${kindOf(handler)}`;
  throw new FourDError('ERR_INVALID_HANDLER', message, { componentSignature: 'HTTP' });
}
