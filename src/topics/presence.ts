import { timers } from '../base/timers.ts';
import type { NodeInfo } from './broker.ts';
import type { Feed, FeedSink, MemberFacts, MembersSink, MembersWatch, PresencePort, Publication } from './feed.ts';
import { type LeasesListener, Leases, RENEW_MS } from './leases.ts';
import { type MembersHost, TopicMembers } from './members.ts';
import type { PresenceSettings } from './members-view.ts';
import type { Members, Published, Since } from './topic-handler.ts';

/** What leaves at the end of the grace has so long to be stored. */
const FAREWELL_MS = 100;

/** What presence needs of the topics of its process. */
export interface PresenceHost {
  publish(topic: string, publication: Publication): Promise<Published>;
  subscribe(topic: string, since: Since, sink: FeedSink): Feed;
  renew(node: NodeInfo, ttlMs: number): Promise<readonly NodeInfo[]>;
}

/**
 * Who is in which topic, on all nodes of a broker. Costs nothing before the first use.
 *
 * @remarks A member is a keyed entry of its topic's companion log, which its node's lease keeps: an idle member costs no
 * writes. The members of a node that is gone are not shown any more, by each node by itself; the node with the lowest id
 * takes them out of the log, and the next ones do where it does not follow that log.
 */
export class Presence implements PresencePort, MembersHost, LeasesListener {
  readonly leases: Leases;
  readonly settings: PresenceSettings;
  readonly #host: PresenceHost;
  readonly #topics = new Map<string, TopicMembers>();
  #sweptCount = 0;
  #isHurried = false;
  /** Called to end the grace of {@link close}, while there is one. */
  #endGrace: (() => void) | undefined;

  constructor(host: PresenceHost, settings: PresenceSettings) {
    this.#host = host;
    this.settings = settings;
    this.leases = new Leases((node, ttlMs) => host.renew(node, ttlMs), this);
  }

  /** Members of nodes that were gone which this node has taken out. */
  get sweptCount(): number {
    return this.#sweptCount;
  }

  // PresencePort

  show(topic: string, session: string, facts: MemberFacts): (isAtOnce: boolean) => void {
    return this.#membersOf(topic).show(session, facts);
  }

  watch(topic: string, sink: MembersSink): MembersWatch {
    return this.#membersOf(topic).watch(sink);
  }

  members(topic: string): Promise<Members> {
    return this.#membersOf(topic).ask();
  }

  /** The broker is away, or back. */
  onBrokerState(state: 'up' | 'down'): void {
    this.leases.interrupt();
    if (state === 'up' && this.#topics.size > 0) void this.leases.refresh();
  }

  /** Tells the other nodes that this one goes soon. */
  drain(): void {
    this.leases.drain();
  }

  /**
   * Ends the lease of this node, and with it all of its members. Never rejects.
   *
   * @param isShared - whether other nodes go on: then the members have their grace, in which they come back elsewhere
   */
  async close(isShared: boolean): Promise<void> {
    const { leaveGraceMs } = this.settings;
    if (isShared && this.#topics.size > 0 && leaveGraceMs > 0) await this.#waitForGrace(leaveGraceMs + FAREWELL_MS);
    for (const members of this.#topics.values()) members.end();
    this.#topics.clear();
    if (this.#isHurried) this.leases.stop();
    else await this.leases.end();
  }

  /**
   * The time for {@link close} is up. Members who are on their way to another node must not be shown as gone: the lease is
   * left to lapse.
   */
  hurry(): void {
    this.#isHurried = true;
    this.#endGrace?.();
  }

  // MembersHost

  publish(topic: string, publication: Publication): Promise<Published> {
    return this.#host.publish(topic, publication);
  }

  subscribe(topic: string, since: Since, sink: FeedSink): Feed {
    return this.#host.subscribe(topic, since, sink);
  }

  onUnused({ topic }: TopicMembers): void {
    this.#topics.delete(topic);
  }

  // LeasesListener

  onRenewed(appeared: ReadonlySet<string>, gone: ReadonlySet<string>): void {
    const needed = new Set<string>();
    const goneMs = this.leases.rank * RENEW_MS;
    for (const members of this.#topics.values()) {
      members.onRenewed(appeared, gone);
      for (const owner of members.staleOwners) needed.add(owner);
      members.sweep(goneMs, () => this.#sweptCount++);
    }
    this.leases.forget((node) => needed.has(node));
  }

  #waitForGrace(graceMs: number): Promise<void> {
    return new Promise((resolve) => {
      const grace = { onDeadline: resolve };
      const ticket = timers.schedule(grace, graceMs);
      this.#endGrace = () => {
        timers.cancel(grace, ticket);
        resolve();
      };
    });
  }

  #membersOf(topic: string): TopicMembers {
    this.leases.start();
    let members = this.#topics.get(topic);
    if (members === undefined) {
      members = new TopicMembers(topic, this);
      this.#topics.set(topic, members);
    }
    return members;
  }
}
