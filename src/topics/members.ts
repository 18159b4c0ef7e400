import { type Deadline, timers } from '../base/timers.ts';
import { FourDError } from '../errors.ts';
import type {
  Feed,
  FeedEntry,
  FeedSink,
  MemberFacts,
  MembersNews,
  MembersSink,
  MembersWatch,
  Publication,
} from './feed.ts';
import type { Leases } from './leases.ts';
import { LocalMember, type LocalMemberHost } from './local-member.ts';
import { type MemberEntry, membersTopic, readMember } from './member-entry.ts';
import { MembersView, type PresenceSettings, type ViewedMember } from './members-view.ts';
import { type ParsedPosition, parsePosition, type Position } from './position.ts';
import type { GapReason, Members, Published, Since } from './topic-handler.ts';

/** How soon a log of members that could not be read is read again. */
const RETRY_MS = 1000;

/**
 * How long a log is followed that nobody needs any more: a broker that fails over may lose the last leaves, and nobody but
 * this node can take such members out while it lives.
 */
const LINGER_MS = 30_000;

/** Members of dead nodes that one sweep removes from a topic: the outbox is not theirs alone. */
const SWEPT_AT_ONCE = 500;

/** What the members of one topic need of the presence of this process. */
export interface MembersHost {
  readonly leases: Leases;
  readonly settings: PresenceSettings;
  publish(topic: string, publication: Publication): Promise<Published>;
  subscribe(topic: string, since: Since, sink: FeedSink): Feed;
  /** Nobody needs the members of the topic any more. */
  onUnused(members: TopicMembers): void;
}

/** An entry of the log, with what is counted of it. */
interface KnownMember extends MemberEntry, ViewedMember {}

/** Who wants to know the members once. */
interface Asker {
  readonly resolve: (members: Members) => void;
  readonly reject: (error: Error) => void;
}

/**
 * The members of one topic, as this process knows them: the keyed entries of the companion log whose owners live.
 *
 * @remarks The log is read like any topic. When it has a gap the state is read anew; meanwhile what was known is shown.
 */
export class TopicMembers implements FeedSink, LocalMemberHost, Deadline {
  readonly topic: string;
  readonly log: string;
  readonly session: undefined;
  readonly isReady: boolean = true;
  readonly #host: MembersHost;
  readonly #view: MembersView;
  /** The sessions that this process has, or had and has not taken out yet. */
  readonly #locals = new Map<string, LocalMember>();
  readonly #sinks = new Set<MembersSink>();
  #askers: Asker[] = [];
  #known = new Map<string, KnownMember>();
  /** Keys of members whose owners do not live. */
  readonly #stale = new Set<string>();
  /** What is read anew; undefined while the log is followed. */
  #loading: Map<string, KnownMember> | undefined = new Map();
  /** Whether the log was read once, and the broker asked which of the owners live. */
  #isKnown = false;
  #feed: Feed | undefined;
  #ticket: number | undefined;
  #isOver = false;
  /** Whether what is not in the log any more may never have been taken out. */
  #hasLostData = false;
  #endTicket: number | undefined;
  readonly #lateEnd: Deadline = {
    onDeadline: () => {
      this.#endTicket = undefined;
      if (this.#isUsed) return;
      this.end();
      this.#host.onUnused(this);
    },
  };
  /** The place up to which the log was followed. */
  #epoch = '';
  #offset = 0;

  constructor(topic: string, host: MembersHost) {
    this.topic = topic;
    this.log = membersTopic(topic);
    this.#host = host;
    this.#view = new MembersView(topic, host.settings, (key) => this.#find(key));
    this.#read();
  }

  /** Shows a session as a member. @returns a function that takes it back, at once or after the grace */
  show(session: string, facts: MemberFacts): (isAtOnce: boolean) => void {
    this.#stopEnd();
    return (this.#locals.get(session) ?? this.#addLocal(session)).join(facts);
  }

  /** Tells a sink of the members, and of all changes until the end. */
  watch(sink: MembersSink): MembersWatch {
    this.#stopEnd();
    this.#sinks.add(sink);
    if (this.#isKnown) this.#view.add(sink, this.#known.keys());
    const view = this.#view;
    return {
      get list(): MembersNews {
        return view.list;
      },
      end: () => {
        this.#sinks.delete(sink);
        view.remove(sink);
        this.#endUnused();
      },
    };
  }

  /** @throws FourDError (as a rejection) `ERR_BROKER_DOWN` */
  ask(): Promise<Members> {
    this.#stopEnd();
    if (this.#isKnown) {
      this.#endUnused();
      return Promise.resolve(this.#members());
    }
    return new Promise((resolve, reject) => {
      this.#askers.push({ resolve, reject });
    });
  }

  /** Takes what the leases say now. */
  onRenewed(appeared: ReadonlySet<string>, gone: ReadonlySet<string>): void {
    for (const key of appeared.size > 0 ? this.#stale : []) {
      const owner = this.#known.get(key)?.owner;
      if (owner === undefined || !appeared.has(owner)) continue;
      this.#stale.delete(key);
      this.#view.mark(key);
    }
    for (const [key, { owner }] of gone.size > 0 ? this.#known : []) {
      if (!gone.has(owner)) continue;
      this.#stale.add(key);
      this.#view.mark(key);
    }
  }

  /**
   * Takes the members of nodes that are gone out of the log.
   *
   * @param goneMs - how long a node must have been gone
   * @param onSwept - called for each member that was taken out by this node
   */
  sweep(goneMs: number, onSwept: () => void): void {
    const { leases } = this.#host;
    let count = 0;
    for (const key of this.#stale) {
      const owner = this.#known.get(key)?.owner;
      if (owner === undefined || (leases.goneForMs(owner) ?? -1) < goneMs) continue;
      void this.#sweepOne(key, owner, onSwept);
      if (++count === SWEPT_AT_ONCE) return;
    }
  }

  /** The owners of members that are not shown. */
  get staleOwners(): readonly string[] {
    return Array.from(this.#stale, (key) => this.#known.get(key)?.owner ?? '');
  }

  /** Ends without a word to anybody. */
  end(): void {
    this.#isOver = true;
    this.#feed?.end();
    for (const local of this.#locals.values()) local.end();
    for (const sink of this.#sinks) this.#view.remove(sink);
    this.#failAskers('the server is over');
    if (this.#ticket !== undefined) timers.cancel(this, this.#ticket);
    this.#stopEnd();
  }

  // for local members

  get node(): string {
    return this.#host.leases.id;
  }

  get leaveGraceMs(): number {
    return this.#host.settings.leaveGraceMs;
  }

  /** What the log says of a session; undefined before it is known. */
  stored(session: string): { readonly entry: MemberEntry | undefined } | undefined {
    return this.#loading === undefined ? { entry: this.#known.get(session) } : undefined;
  }

  hasReached({ epoch, offset }: ParsedPosition): boolean {
    return this.#epoch !== epoch || this.#offset >= offset;
  }

  store(publication: Publication): Promise<Published> {
    return this.#host.publish(this.log, publication);
  }

  onLeft(local: LocalMember): void {
    this.#locals.delete(local.session);
    this.#endUnused();
  }

  // FeedSink

  onceReady(callback: () => void): void {
    callback();
  }

  onSubscribed({ state }: Parameters<FeedSink['onSubscribed']>[0]): void {
    if (state !== 'gap') return;
    // A state that cannot be read is none, and says nothing of who is there.
    this.#feed?.end();
    this.onFailed('gap', 'the members cannot be read');
  }

  onEntry(entry: FeedEntry): void {
    const { key, offset, isRemoved } = entry.entry;
    const member = isRemoved ? undefined : toKnown(entry);
    if (this.#loading !== undefined) {
      if (key === undefined) return;
      if (member === undefined) this.#loading.delete(key);
      else this.#loading.set(key, member);
      return;
    }
    this.#epoch = entry.epoch;
    this.#offset = offset;
    if (key === undefined) return;
    this.#set(key, member);
    this.#locals.get(key)?.onStored();
  }

  onLive(position: Position): void {
    const loaded = this.#loading;
    if (loaded === undefined) return;
    const { epoch, offset } = parsePosition(position) ?? { epoch: '', offset: 0 };
    this.#loading = undefined;
    this.#epoch = epoch;
    this.#offset = offset;
    for (const key of this.#known.keys()) {
      if (loaded.has(key)) continue;
      if (this.#hasLostData) this.#view.hold(key);
      this.#set(key, undefined);
    }
    this.#hasLostData = false;
    for (const [key, member] of loaded) this.#set(key, member);
    for (const local of this.#locals.values()) local.onReread();
    if (!this.#isKnown) void this.#learnOwners();
  }

  /** Which entries are missing, only the whole state tells. */
  onGap(reason: GapReason): void {
    this.#hasLostData ||= reason === 'epoch' || reason === 'forked';
    this.#feed?.end();
    this.#read();
  }

  onFailed(code: string, message: string): void {
    this.#feed = undefined;
    this.#failAskers(`${code}: ${message}`);
    if (!this.#isOver) this.#ticket = timers.schedule(this, RETRY_MS);
  }

  // Deadline

  onDeadline(): void {
    this.#ticket = undefined;
    this.#read();
  }

  #read(): void {
    this.#loading = new Map();
    this.#feed = this.#host.subscribe(this.log, 'state', this);
  }

  #set(key: string, member: KnownMember | undefined): void {
    const { leases } = this.#host;
    this.#stale.delete(key);
    this.#view.mark(key);
    if (member === undefined) {
      this.#known.delete(key);
      return;
    }
    this.#known.set(key, member);
    if (member.owner === leases.id && !this.#locals.has(key)) this.#addLocal(key).takeBack();
    if (leases.isLiving(member.owner)) return;
    this.#stale.add(key);
    if (!leases.note(member.owner)) void leases.refresh();
  }

  /** Nobody is told of members before it is known which owners live: a ghost would be among them. */
  async #learnOwners(): Promise<void> {
    if (this.#stale.size > 0) await this.#host.leases.refresh();
    if (this.#isOver) return;
    this.#isKnown = true;
    for (const sink of this.#sinks) this.#view.add(sink, this.#known.keys());
    const askers = this.#askers;
    this.#askers = [];
    for (const { resolve } of askers) resolve(this.#members());
    this.#endUnused();
  }

  #failAskers(message: string): void {
    const askers = this.#askers;
    this.#askers = [];
    for (const { reject } of askers) {
      reject(new FourDError('ERR_BROKER_DOWN', message, { componentSignature: 'HTTP' }));
    }
    if (!this.#isOver) this.#endUnused();
  }

  #find(key: string): KnownMember | undefined {
    const member = this.#known.get(key);
    return member !== undefined && this.#host.leases.isLiving(member.owner) ? member : undefined;
  }

  #members(): Members {
    return this.#view.snapshot(this.#known.keys());
  }

  async #sweepOne(key: string, owner: string, onSwept: () => void): Promise<void> {
    try {
      await this.#host.publish(this.log, { data: 'null', key, isRemoved: true, ifOwner: owner });
      onSwept();
    } catch {
      // The next sweep finds the member again.
    }
  }

  #endUnused(): void {
    if (this.#isUsed || this.#isOver) return;
    this.#endTicket ??= timers.schedule(this.#lateEnd, LINGER_MS);
  }

  #stopEnd(): void {
    if (this.#endTicket !== undefined) timers.cancel(this.#lateEnd, this.#endTicket);
    this.#endTicket = undefined;
  }

  get #isUsed(): boolean {
    return this.#locals.size > 0 || this.#sinks.size > 0 || this.#askers.length > 0;
  }

  #addLocal(session: string): LocalMember {
    const local = new LocalMember(session, this);
    this.#locals.set(session, local);
    return local;
  }
}

function toKnown(entry: FeedEntry): KnownMember | undefined {
  const read = readMember(entry);
  if (read === undefined) return undefined;
  const { user = '', info = '' } = read.facts;
  return { ...read, size: Buffer.byteLength(user) + Buffer.byteLength(info) };
}
